// Fills from the topic: the new price to all who watch the symbol, the fill to the two who traded.
const { PutItemCommand } = require('@aws-sdk/client-dynamodb')
const { connections, database } = require('exchange-shared')
const { post } = require('./live')

exports.handler = async event => {
  for (const record of event.Records) {
    const trade = JSON.parse(record.Sns.Message)
    await database.send(new PutItemCommand({
      TableName: process.env.PRICES_TABLE,
      Item: { symbol: { S: trade.symbol }, price: { N: String(trade.price) }, at: { N: String(trade.at) } }
    }))
    const quote = { type: 'quotes', quotes: [{ symbol: trade.symbol, price: String(trade.price), change: '0', traded: true }] }
    const open = await connections()
    await Promise.all(open.map(async ({ id, email, symbols }) => {
      if (!symbols.length || symbols.includes(trade.symbol)) await post(id, quote)
      for (const [who, side] of [[trade.buyer, 'bought'], [trade.seller, 'sold']]) {
        if (email && email === who) {
          const { trade_id: tradeId, symbol, price, quantity } = trade
          await post(id, { type: 'fill', trade_id: tradeId, side, symbol, price: String(price), quantity: String(quantity) })
        }
      }
    }))
  }
}
