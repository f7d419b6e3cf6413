// Messages to browsers over the WebSocket API; connections that are gone are forgotten.
const { ApiGatewayManagementApiClient, PostToConnectionCommand } = require('@aws-sdk/client-apigatewaymanagementapi')
const { forget } = require('exchange-shared')

const live = new ApiGatewayManagementApiClient({ endpoint: process.env.WEBSOCKET_ENDPOINT })

exports.post = async (connectionId, message) => {
  try {
    await live.send(new PostToConnectionCommand({ ConnectionId: connectionId, Data: Buffer.from(JSON.stringify(message)) }))
  } catch (error) {
    if (error.name !== 'GoneException') throw error
    await forget(connectionId)
  }
}
