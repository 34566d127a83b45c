// The usual tutorial: Express, a raw body, a signature, one insert a request.
const crypto = require('node:crypto');
const express = require('express');
const Database = require('better-sqlite3');

const [port, file] = process.argv.slice(2);
const database = new Database(file);
database.pragma('journal_mode = WAL');
database.pragma('synchronous = FULL');
database.exec('create table if not exists message (mid text primary key, psid text, body text)');
const insert = database.prepare('insert into message (mid, psid, body) values (?, ?, ?) on conflict do nothing');

const app = express();
app.get('/healthz', (request, response) => response.send('ok'));
app.post('/webhooks/meta', express.raw({ type: '*/*' }), (request, response) => {
  const shown = Buffer.from(request.get('x-hub-signature-256') || '');
  const right = crypto.createHmac('sha256', process.env.APP_SECRET).update(request.body).digest('hex');
  const expected = Buffer.from(`sha256=${right}`);
  if (shown.length !== expected.length || !crypto.timingSafeEqual(shown, expected)) {
    return response.sendStatus(401);
  }
  for (const entry of JSON.parse(request.body).entry) {
    for (const event of entry.messaging) {
      insert.run(event.message.mid, event.sender.id, JSON.stringify(event));
    }
  }
  return response.sendStatus(200);
});
app.listen(Number(port), '127.0.0.1');
