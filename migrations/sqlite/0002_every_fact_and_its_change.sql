-- What else can be set for a Page, and what the configuration file said of it when it was last applied.
alter table page add column labels text not null default '{}';
alter table page add column sentences text not null default '{}';
alter table page add column reasons text not null default '{}';
alter table page add column working_hours text;

create table file_value (
  page_id text not null,
  key text not null,
  digest text not null,
  applied_at integer not null,
  primary key (page_id, key)
) strict;

-- A chat's stage: `open`, `qualified`, `lost` or `sold`, and when a phone number was given in it.
alter table chat add column stage text not null default 'open';
alter table chat add column contact_at integer;

-- When the current chat falls silent; empty while nothing waits for that.
alter table conversation add column silent_at integer;
create index conversation_silent on conversation (silent_at);
create index conversation_recent on conversation (page_id, last_at, id);

-- Who said a phone number when, as a keyed hash: `customer`, `page`, or `tag` for what an operator entered.
create table phone_word (
  conversation_id text not null,
  hash text not null,
  said_at integer not null,
  said_by text not null,
  page_id text not null,
  primary key (conversation_id, hash, said_at, said_by)
) strict;
create index phone_word_hash on phone_word (page_id, hash);

-- What an operator entered about the customer.
alter table person add column details text;

-- An operator's remark beside an entry: a text, gone after keep_text like every other.
create table note (
  outcome_id text not null primary key,
  page_id text not null,
  written_at integer not null,
  text text not null
) strict;
create index note_age on note (written_at);
create index message_age on message (sent_at) where text is not null;
create index inbox_age on inbox (received_at);

-- The version of its conversation at which an entry, a referral or a name appeared, for the feed.
alter table outcome add column conversation_version integer;
alter table referral add column version integer not null default 1;
alter table order_name add column version integer not null default 1;

-- Leads belong to a chat of their conversation.
alter table conversion add column chat_number integer;
create index conversion_conversation on conversion (conversation_id);
create index conversion_lease on conversion (lease);
create index conversion_release on conversion (state, leaves_at);

-- What a person decided about an attempt whose answer was lost.
alter table attempt add column resolved_as text;

create table payout (
  id text not null primary key,
  page_id text not null references page (id),
  courier text not null,
  reference text not null,
  currency text not null,
  gross integer not null,
  fee integer not null,
  paid_at integer not null,
  bank_line text,
  settled_at integer,
  recorded_at integer not null,
  actor text not null
) strict;
create unique index payout_reference on payout (page_id, courier, reference);

alter table change add column published_at integer;

-- An order from outside that turned out to be one that stands under the service's own number.
alter table sale_order add column same_as text;

-- The Page's accounts on the other channels.
alter table page add column instagram_id text;
alter table page add column whatsapp_id text;

-- Which edit of a message its text is.
alter table message add column edits integer not null default 0;
alter table referral add column click_id text;

-- Whether an order waited for a person's word with this change, and how much of its conversation was known then.
alter table change add column parked integer not null default 0;
alter table change add column conversation_version integer not null default 0;
create index change_unnumbered_subject on change (subject_id, version) where sequence is null;

-- The order that a name stood for before it turned out to be another one.
alter table order_name add column told_of text;
create index sale_order_same on sale_order (same_as) where same_as is not null;

-- The feed's end, and its beginning: the last number given, and the last that is no longer kept. Its key makes
-- cursors opaque.
create table feed (
  name text not null primary key,
  key text not null,
  last_sequence integer not null,
  forgotten integer not null
) strict;
insert into feed (name, key, last_sequence, forgotten)
values ('changes', lower(hex(randomblob(32))), 0, 0);

-- Whether a person said that an order is that other one; else it follows from the ledgers.
alter table sale_order add column same_said integer not null default 0;
