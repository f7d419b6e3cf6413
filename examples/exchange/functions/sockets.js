// The WebSocket API: who is there, and what they want to see.
const { GetItemCommand, PutItemCommand, ScanCommand, UpdateItemCommand } = require('@aws-sdk/client-dynamodb')
const { database, forget } = require('exchange-shared')
const { post } = require('./live')

async function whoIs (token) {
  if (!token) return ''
  const { Item: session } = await database.send(new GetItemCommand({
    TableName: process.env.SESSIONS_TABLE, Key: { token: { S: token } }
  }))
  if (!session || Number(session.expires.N) < Date.now() / 1000) throw new Error('unknown session')
  return session.email.S
}

exports.connect = async event => {
  const { connectionId } = event.requestContext
  let email
  try {
    email = await whoIs((event.queryStringParameters || {}).token)
  } catch (error) {
    return { statusCode: 401 }
  }
  await database.send(new PutItemCommand({
    TableName: process.env.CONNECTIONS_TABLE,
    Item: { connection_id: { S: connectionId }, email: { S: email }, since: { N: String(Date.now()) } }
  }))
  return { statusCode: 200 }
}

exports.disconnect = async event => {
  await forget(event.requestContext.connectionId)
  return { statusCode: 200 }
}

exports.subscribe = async event => {
  const { connectionId } = event.requestContext
  const wanted = JSON.parse(event.body).symbols
  const symbols = Array.isArray(wanted) && wanted.length ? wanted.map(String) : ['DAY', 'FLY', 'MAY']
  await database.send(new UpdateItemCommand({
    TableName: process.env.CONNECTIONS_TABLE,
    Key: { connection_id: { S: connectionId } },
    UpdateExpression: 'SET symbols = :symbols',
    ExpressionAttributeValues: { ':symbols': { SS: [...new Set(symbols)] } }
  }))
  const { Items: prices } = await database.send(new ScanCommand({ TableName: process.env.PRICES_TABLE }))
  const quotes = prices
    .filter(item => symbols.includes(item.symbol.S))
    .map(item => ({ symbol: item.symbol.S, price: item.price.N, change: '0' }))
  await post(connectionId, { type: 'subscribed', symbols, quotes })
  return { statusCode: 200 }
}

exports.unknown = async event => {
  await post(event.requestContext.connectionId, { type: 'error', message: 'say {"action": "subscribe", "symbols": ["DAY"]}' })
  return { statusCode: 200 }
}
