//! **salesbridge** listens to a Page's Messenger conversations, lets people say what was really sold, and
//! reports it to Meta's Conversions API, once and on time.
//!
//! The service in five words: **receive → tag → convert → deliver → settle**. The first four are folders of [`flow`],
//! and `settle` is a file of `deliver`.
//!
//! # Floors
//!
//! ```text
//! main               calls command::main
//! command            the command line: wiring, signals, exit codes
//! web worker config  HTTP in · background jobs · configuration text → domain types   no SQL, no rules
//! flow               the verbs, each one unit of work                                the only writers
//! store meta crm     rows ↔ types (the only SQL) · Meta's formats and calls · bodies of other systems
//! domain             types, states, pure decisions                                   no async, no I/O
//! floor 0            error, clock, id, http_client, telemetry, failpoint              used by every floor
//! ```
//! Each floor looks only down, and `store`, `meta` and `crm` do not know each other. Reads may go from `web` to
//! `store`; writes go through `flow`. Inside `flow` each room uses only those before it: unit, convert, tag, inbox,
//! receive; deliver, publish and manage stand beside each other above convert. [`sandbox`] stands in for Meta and
//! shares nothing with [`meta`], so that it can disagree with us. `tests/it/architecture` holds all of this.
//!
//! # Rooms
//!
//! | floor | rooms |
//! |---|---|
//! | `domain` | `basic` money, identity, hours, spans · `conversation` its chats, customer, phone numbers · `order` facts, fold, tag decision, payouts · `signal` policy, conversions, attempts, lanes · `inbox` labels, sentences, pending tags · `feed` changes · beside them `operator`, `page_setting`, `retry` |
//! | `store` | one file per noun · `db` connections, transactions, migrations, SQLite's writer · `read` joins made for one screen |
//! | `meta` | `webhook` what Meta sends · `events` what it is sent, and its verdict · `labels`, `profile`, `call`, `signature` |
//! | `crm` | `tag_body` and `mapping` a tag's JSON · `field`, `json` how it is read |
//! | `flow` | `unit` the runner · `convert` what follows from a fact · `tag` · `inbox` · `receive` · `deliver` · `publish` the feed's numbers · `manage` Pages, keys, operators, configuration, retention |
//! | `web` | `server` what every route shares · `hooks` Meta's webhook · `api` one file per noun · `console` one folder per page |
//! | `worker` | one driver, and one file per job |
//! | `config` | the file, the environment, secrets, time zones |
//! | `command` | one file per command; `demo` plays a shop's day |
//! | `sandbox` | `rules` Meta's rules for events · `control` how it is steered |
//!
//! # The way of a webhook, a tag and a conversion
//!
//! * A webhook: `web::hooks::meta` → [`flow::Intake`] (durable, then 200) → [`worker`] → [`flow::project`].
//! * A tag: `web::api` or the console → [`flow::tag`] → [`domain::order::tag_decision`] decides →
//!   [`domain::signal`] says what Meta will be told → [`store`] writes all of it or nothing.
//! * A conversion: [`worker::deliver`] → [`flow::lease`] takes a lease → [`flow::open`] commits an attempt before the
//!   first byte → [`meta::events`] sends → [`flow::settle`] writes the verdict.
//!
//! # Glossary
//!
//! | word | meaning |
//! |---|---|
//! | Page | one connected Page with its lane, currency, country, time zone and signal policy |
//! | lane | a dataset and a token, with their fault, throttle and refused names; Pages may share one |
//! | link | what a lane needs at Meta: that token, dataset and Page belong together; it breaks when one is revoked |
//! | recipient | whom an event is about: a person on a channel |
//! | PSID | Meta's id of a person for one Page; IGSID is its like on Instagram |
//! | conversation | the thread of one person with one Page, for life |
//! | aggregate | all that decisions about one conversation are made on: its chats, orders with their ledgers, conversions |
//! | chat | a stretch of a conversation: begun by its first message, by an ad, or after 7 quiet days |
//! | order | one sale in a conversation; it may have several numbers |
//! | telling, join, part | a sale as one door tells of it; tellings of one sale *join* into one order, and *part* again when a later fact shows two sales |
//! | door | the way by which a sale is told: people (console, API), a label, a sentence, an outside sender |
//! | doubt, parked | two orders that are perhaps one sale; the *parked* one of them waits until a person answers |
//! | flag | why a fact moves nothing until a person accepts it or takes it back |
//! | outcome, fact | an entry of the ledger: what happened, when, who said so, from which source |
//! | ledger | the facts of an order or a chat; entries are added, never changed; a *follow-up* undoes or accepts one |
//! | fold | an order's state, value and sums, computed from its facts |
//! | tag | what a person, a label, a sentence or another system says happened |
//! | pending tag | what was said in Meta's inbox and waits for a person |
//! | conversion | one event for Meta, made from facts by the signal policy; one `event_id` for ever |
//! | state, wake | a conversion is `held`, `ready`, `sending`, and ends `sent`, `suppressed`, `rejected`, `expired` or `unknown`; one that Meta certainly did not take *wakes* when its cause comes back |
//! | hold | the time in which a person can still stop a conversion |
//! | attempt | one request to Meta with the conversions that it carries; its row is durable before its first byte |
//! | lease, fencing token | who works on a row, and until when; a verdict counts only for the newest attempt of a row |
//! | verdict, settle | what an answer of Meta's means for the events of an attempt; to *settle* is to write it |
//! | signal policy | when a Page tells Meta of a sale or a lead, and of what value; a conversion keeps the version that made it |
//! | mode | whether a Page sends: `live`, `shadow` (all is computed, nothing leaves) or `paused` |
//! | operator | somebody who works in the console; their name stands in the facts they enter |
//! | change, feed | an entry of the change feed, which CRMs read, and the numbered list of them |
//! | unit of work | one transaction: all that a verb writes, or nothing |
//! | idempotency key, claim | the name of a request that may come again; a request in flight claims it |
//! | group commit, tag batch | several tags in one unit of work |
//! | intake log | raw webhook bodies, kept until they are projected and for `keep_text` |
//! | projection | reading the intake log into conversations; a `mid`, Meta's id of a message, makes each count once |
//! | retention | what ages out; *forget* is the erasure of a person |
//! | lead | Meta's event of that name, and nothing else |
//! | inbox | Meta's inbox, and nothing else |
//!
//! # Invariants
//!
//! * A 200 to a webhook means that its raw bytes are on disk.
//! * A fact and all that follows from it are written in one unit of work, or nothing is.
//! * What follows from the ledger is a pure function of it, never of the order of arrival.
//! * A conversation is loaded once in a unit of work, and locked until it ends.
//! * An attempt is committed before its first byte; what Meta may have taken is never sent again by itself.
//! * One order gives at most one base Purchase in its life, always under the same `event_id`.
//! * A reader of the feed skips no version of an order.
//! * Personal data lives in customer, recipient, message, intake log and payload alone; no log line, metric or error holds
//!   any.

pub mod clock;
pub mod command;
pub mod config;
pub mod crm;
pub mod domain;
pub mod error;
pub mod failpoint;
pub mod flow;
pub mod http_client;
pub mod id;
pub mod meta;
pub mod sandbox;
pub mod store;
pub mod telemetry;
pub mod web;
pub mod worker;
