-- The baseline: every table whole, grouped as the service speaks of it. The rules are in ../README.md.
-- Times are Unix milliseconds, spans milliseconds, money minor units of its currency; a truth is 0 or 1.
-- Personal data lives only in recipient, customer, customer_picture, message, early_edit, outcome_note, intake_log and
-- conversion_payload.

------------------------------------------------------------------------------------------------------------------------
-- Pages and lanes
------------------------------------------------------------------------------------------------------------------------

-- A row: a lane, the dataset and token by which events leave. Pages may share one; one without Pages is deleted.
-- `token`: its first byte says how it is written (0: in clear). `token_hash`: SHA-256 of the token, in hex, by which a
-- lane is found. `fault`: why nothing leaves until somebody mends it, with what to do.
create table lane (
  id text not null primary key,
  dataset_id text not null,
  token blob not null,
  token_hash text not null,
  fault text,
  fault_at integer,
  made_at integer not null
) strict;
create unique index lane_link on lane (dataset_id, token_hash);

-- A row: how far Meta throttles a dataset, on whatever lane. `throttle_step`: the last pause that Meta did not time, in
-- milliseconds; the next one doubles it.
create table dataset (
  id text not null primary key,
  throttled_until integer not null,
  throttle_step integer not null
) strict;

-- A row: an event name that a dataset does not take.
create table refused_name (
  dataset_id text not null,
  event_name text not null,
  refused_at integer not null,
  primary key (dataset_id, event_name)
) strict;

-- A row: a connected Page, by its id at Meta. `labels`, `sentences`, `reasons`: JSON objects, of `reasons` only the lists
-- that are the Page's own. `silent_after`: a span. `policy_version`: the policy in force. `next_order_number`: of the
-- service's own numbers (S-1001). `profiles_after`: until then Meta is asked for nobody's name.
create table page (
  id text not null primary key,
  name text not null,
  lane_id text not null references lane (id),
  currency text not null,
  country text not null,
  timezone text not null,
  mode text not null,
  instagram_id text,
  whatsapp_id text,
  test_event_code text,
  test_event_code_until integer,
  silent_after integer not null,
  working_hours text,
  labels text not null default '{}',
  take_off_labels integer not null default 0,
  sentences text not null default '{}',
  reasons text not null default '{}',
  policy_version integer not null,
  next_order_number integer not null,
  profiles_after integer
) strict;
create index page_lane on page (lane_id);

-- A row: a version of a Page's signal policy. Versions stay, for a conversion keeps the one that made it. `hold`: a span.
create table policy (
  page_id text not null references page (id),
  version integer not null,
  purchase_on text not null,
  hold integer not null,
  lead_on text not null,
  lifecycle integer not null,
  value text not null,
  on_unknown text not null,
  made_at integer not null,
  primary key (page_id, version)
) strict;

-- A row: what the configuration file said of a key when it was last applied, as a SHA-256 of its text.
create table configured_value (
  page_id text not null,
  key text not null,
  digest text not null,
  applied_at integer not null,
  primary key (page_id, key)
) strict;

-- A row: a line of a Page's price list.
create table product (
  page_id text not null references page (id),
  sku text not null,
  position integer not null,
  name text not null,
  price integer not null,
  cost integer,
  primary key (page_id, sku)
) strict;

------------------------------------------------------------------------------------------------------------------------
-- Conversations
------------------------------------------------------------------------------------------------------------------------

-- A row: the thread of one person with one Page, and where it stands in the queue: `waiting`, `snoozed` or `done`.
-- `silent_at`: when its current chat falls silent; null while nothing waits for that. `owner`: who goes on with it after
-- a snooze. `back_at`: when it came back from its last snooze. `version`: that of its last change in the feed.
create table conversation (
  id text not null primary key,
  page_id text not null references page (id),
  channel text not null,
  began_at integer not null,
  last_at integer not null,
  state text not null,
  waiting_since integer,
  snoozed_until integer,
  back_at integer,
  owner text,
  silent_at integer,
  version integer not null
) strict;
create index conversation_queue on conversation (page_id, state, waiting_since);
create index conversation_silent on conversation (silent_at);
create index conversation_recent on conversation (page_id, last_at, id);
create index conversation_state on conversation (page_id, state, last_at, id);
create index conversation_waiting on conversation (state, waiting_since, id);
create index conversation_snoozed on conversation (snoozed_until) where state = 'snoozed';
create index conversation_back on conversation (back_at) where state = 'waiting' and back_at is not null;

-- A row: whom the events of a conversation are about. `account_id`: the account of the channel to which the person wrote
-- (Page, Instagram account, WhatsApp business account). `person_id`: the person as that account knows them.
create table recipient (
  page_id text not null,
  channel text not null,
  account_id text not null,
  person_id text not null,
  conversation_id text not null,
  primary key (page_id, channel, person_id)
) strict;
create index recipient_conversation on recipient (conversation_id);

-- A row: what is known of the person of a conversation. `details`: what an operator or CRM said, as JSON. `profile_at`:
-- when Meta is asked for their name; null once it is told, or no more asked for. `profile_tries`: how often it was.
create table customer (
  conversation_id text not null primary key,
  page_id text not null,
  name text,
  details text,
  profile_at integer default 0,
  profile_tries integer not null default 0
) strict;
create index customer_profile on customer (page_id, profile_at) where profile_at is not null;
create index customer_name on customer (page_id, name, conversation_id) where name is not null;

-- A row: the picture that Meta shows of a person.
create table customer_picture (
  conversation_id text not null primary key,
  picture blob not null,
  taken_at integer not null
) strict;

-- A row: a message. `text`: null once `keep_text` is over, or where it was unsent. `attachments`: their kinds, set apart
-- by commas. `edits`: which edit its text is.
create table message (
  conversation_id text not null,
  sent_at integer not null,
  id text not null,
  page_id text not null,
  mid text,
  author text not null,
  text text,
  attachments text,
  edits integer not null default 0,
  primary key (conversation_id, sent_at, id)
) strict;
create index message_age on message (sent_at) where text is not null;
create index message_by_operator on message (page_id, sent_at) where author = 'operator';

-- A row: Meta's id of a message that has taken effect, so that it does so once. `gone:` before it: it was unsent.
create table message_seen (
  page_id text not null,
  mid text not null,
  seen_at integer not null,
  primary key (page_id, mid)
) strict;
create index message_seen_age on message_seen (seen_at);

-- A row: an edit that came before its message, until that comes. `number`: which edit it is.
create table early_edit (
  conversation_id text not null,
  mid text not null,
  text text,
  number integer not null,
  edited_at integer not null,
  primary key (conversation_id, mid)
) strict;
create index early_edit_age on early_edit (edited_at);

-- A row: an ad or link that led into a conversation. `source`, `kind`: Meta's words. `click_id`: Meta's id of the click
-- (WhatsApp alone has one). `version`: that of the conversation at which it appeared.
create table referral (
  conversation_id text not null,
  referred_at integer not null,
  id text not null,
  page_id text not null,
  ad_id text,
  ref text,
  source text,
  kind text,
  ad_title text,
  click_id text,
  version integer not null default 1,
  primary key (conversation_id, referred_at, id)
) strict;
create index referral_ad on referral (ad_id, conversation_id) where ad_id is not null;

-- A row: a phone number that was said, as a keyed hash. `mentioned_by`: `customer`, `page`, or `tag` for what an operator
-- or CRM entered.
create table phone_mention (
  conversation_id text not null,
  hash text not null,
  mentioned_at integer not null,
  mentioned_by text not null,
  page_id text not null,
  primary key (conversation_id, hash, mentioned_at, mentioned_by)
) strict;
create index phone_mention_hash on phone_mention (page_id, hash);

-- A row: a chat of a conversation, as it is now cut, numbered from 0. `first_word_at`, `last_word_at`: the customer's
-- own. `contact_at`: when they gave a phone number. `stage`: `open`, `qualified`, `lost` or `sold`.
create table chat (
  conversation_id text not null,
  number integer not null,
  page_id text not null,
  began_at integer not null,
  last_at integer not null,
  first_word_at integer,
  last_word_at integer,
  contact_at integer,
  ad_id text,
  stage text not null default 'open',
  primary key (conversation_id, number)
) strict;

------------------------------------------------------------------------------------------------------------------------
-- Orders and the ledger
------------------------------------------------------------------------------------------------------------------------

-- A row: a telling of a sale, and an order if it joined no other; then with what its ledger folds into.
-- `service_numbered`: it has no number, or one of the service's own (S-1001). `joined_into`: the order that it turned out
-- to be; it follows from the ledger and may part again. `policy_version`: the policy in force when it was opened.
-- `flagged`: a person is asked about a fact of it, or whether it is another order. `told_twice`: Meta was told of it by two
-- of its tellings.
create table sale_order (
  id text not null primary key,
  page_id text not null references page (id),
  conversation_id text,
  service_numbered integer not null,
  policy_version integer not null,
  state text not null,
  currency text not null,
  value integer,
  paid integer not null,
  refunded integer not null,
  flagged integer not null,
  told_twice integer not null,
  opened_at integer not null,
  version integer not null,
  joined_into text
) strict;
create index order_conversation on sale_order (conversation_id);
create index order_state on sale_order (page_id, state, opened_at);
create index order_opened on sale_order (page_id, opened_at, id);
create index order_flagged on sale_order (page_id, conversation_id) where flagged = 1;
create index order_told_twice on sale_order (page_id, opened_at) where told_twice = 1;
create index order_joined on sale_order (joined_into) where joined_into is not null;

-- A row: a number under which an order was told, as it was first written, whichever order it has joined since.
-- `number_key`: by which it is found, without what sets no two numbers apart. `position`: 0 for its first.
create table order_number (
  page_id text not null,
  number_key text not null,
  number text not null,
  order_id text not null,
  position integer not null,
  primary key (page_id, number_key)
) strict;
create index order_number_order on order_number (order_id);

-- A row: an entry of the ledger, added and never changed. `about`: the entry that a follow-up (`undo`, `accept`, `join`,
-- `part`) is about; `other`: of `join` and `part` the fact of the other sale. `clamped`: its moment lay ahead of the clock
-- and was set back. `time_stated`: the sender stated the moment. `reference`: the sender's own name of it (`ref`).
-- `written_in`: no currency was stated, and the amounts were written in this one, the Page's. `total`: a cross-sell told
-- by the order's new whole. `items`: JSON. `position`: its place in the conversation's ledger, from 1.
create table outcome (
  id text not null primary key,
  page_id text not null references page (id),
  conversation_id text,
  order_id text,
  about text,
  kind text not null,
  occurred_at integer not null,
  clamped integer not null,
  time_stated integer not null default 0,
  recorded_at integer not null,
  source text not null,
  actor text not null,
  reference text,
  currency text not null,
  written_in text,
  value integer,
  total integer,
  delivery_fee integer,
  discount integer,
  fee integer,
  items text,
  payment text,
  courier text,
  waybill text,
  reason text,
  position integer not null default 0,
  other text
) strict;
create index outcome_order on outcome (order_id);
create index outcome_conversation on outcome (conversation_id);
create index outcome_about on outcome (about) where about is not null;
create index outcome_reference on outcome (reference) where reference is not null;

-- A row: a sender's own name (`ref`) of a fact that is effective; undo frees it. `sender`: the API key by name, or the door.
create table fact_reference (
  page_id text not null,
  sender text not null,
  reference text not null,
  outcome_id text not null,
  primary key (page_id, reference, sender)
) strict;
create index fact_reference_outcome on fact_reference (outcome_id);

-- A row: an operator's remark beside an entry, until `keep_text` is over.
create table outcome_note (
  outcome_id text not null primary key,
  page_id text not null,
  written_at integer not null,
  text text not null
) strict;
create index outcome_note_age on outcome_note (written_at);

-- A row: a courier's remittance. `bank_line`: the line of the bank's statement that settled it.
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

------------------------------------------------------------------------------------------------------------------------
-- Conversions and delivery
------------------------------------------------------------------------------------------------------------------------

-- A row: one event for Meta. `number`: a base Purchase is 0, an uplift 1, 2, …, a lead the number of its chat (also in
-- `chat_number`). `event_id`: its name at Meta, for ever. `leaves_at`: the end of its hold; `next_at`: of its next try.
-- `frozen`: an attempt may have been taken, so that its text stays as it is. `tries`: attempts that carried it.
-- `zero_answers`, `passing_faults`: answers of zero, and refusals with a retryable code, that it met. `resent`: it went
-- again after a lost answer, so that Meta may have it.
-- `lease`, `lease_until`: who works on it and until when. `attempt_id`: the last attempt that carried it. `beside`: JSON,
-- the tellings of other orders that ever stood beside the one that it reports. `contents`: a digest of the pieces that a
-- Purchase tells, by which a change of them is seen.
create table conversion (
  id text not null primary key,
  page_id text not null references page (id),
  conversation_id text,
  order_id text,
  chat_number integer,
  event_name text not null,
  number integer not null,
  event_id text not null,
  event_time integer not null,
  state text not null,
  reason text not null,
  detail text,
  value integer,
  currency text not null,
  made_at integer not null,
  leaves_at integer not null,
  next_at integer not null,
  policy_version integer not null,
  frozen integer not null,
  tries integer not null,
  zero_answers integer not null,
  passing_faults integer not null,
  resent integer not null,
  lease text,
  lease_until integer,
  attempt_id text,
  beside text,
  contents text
) strict;
create unique index conversion_event on conversion (page_id, event_id);
create index conversion_order on conversion (order_id);
create index conversion_conversation on conversion (conversation_id);
create index conversion_due on conversion (page_id, state, event_time);
create index conversion_made on conversion (page_id, made_at, id);
create index conversion_attempt on conversion (attempt_id) where attempt_id is not null;
create index conversion_lease on conversion (lease, state) where lease is not null;
create index conversion_release on conversion (leaves_at) where state = 'held';
create index conversion_age on conversion (event_time) where state in ('held', 'ready');

-- A row: an entry that a conversion reports: a base Purchase the uplifts that were joined to it, an uplift its own.
create table conversion_outcome (
  outcome_id text not null primary key,
  conversion_id text not null
) strict;
create index conversion_outcome_conversion on conversion_outcome (conversion_id);

-- A row: the text of a conversion, byte for byte as Meta is sent it.
create table conversion_payload (
  conversion_id text not null primary key,
  body text not null
) strict;

-- A row: one request to Meta, committed before its first byte. `verdict`: what came of it; null while its answer is out.
-- `events`: how many conversions it carries. `message`, `fbtrace_id`: as Meta said. `resolved_as`: what a person decided
-- about one whose answer was lost.
create table attempt (
  id text not null primary key,
  page_id text not null references page (id),
  dataset_id text not null,
  lease text not null,
  events integer not null,
  opened_at integer not null,
  closed_at integer,
  verdict text,
  http_status integer,
  code integer,
  subcode integer,
  message text,
  fbtrace_id text,
  resolved_as text
) strict;
create index attempt_open on attempt (opened_at) where verdict is null;
create index attempt_opened on attempt (page_id, opened_at, id);
create index attempt_age on attempt (opened_at);

-- A row: a conversion that an attempt carried.
create table attempt_conversion (
  attempt_id text not null,
  conversion_id text not null,
  primary key (attempt_id, conversion_id)
) strict;
create index attempt_conversion_conversion on attempt_conversion (conversion_id);

------------------------------------------------------------------------------------------------------------------------
-- Change feed
------------------------------------------------------------------------------------------------------------------------

-- A row: an order or a conversation is at a new version; its body is rendered when it is read. `sequence`: its number in
-- the feed, given after its commit. `parked`: the order waited for a person's word. `conversation_version`: how much of
-- its conversation was known then. `entries`: the position of the last entry of the ledger then. `tellings`: JSON, the ids
-- of the tellings that were the order; null: its own alone. `numbers`: JSON, its numbers then. `became`: the number of the
-- order that it turned out to be, which ended it. `caused_by`: the entry of the ledger that led to it; null: a referral, or
-- the first message.
create table change (
  id text not null primary key,
  page_id text not null references page (id),
  kind text not null,
  subject_id text not null,
  version integer not null,
  occurred_at integer not null,
  parked integer not null default 0,
  conversation_version integer not null default 0,
  entries integer not null default 0,
  tellings text,
  numbers text,
  became text,
  caused_by text,
  sequence integer,
  published_at integer
) strict;
create unique index change_sequence on change (sequence);
create index change_unnumbered on change (id) where sequence is null;
create index change_unnumbered_subject on change (subject_id, version) where sequence is null;

-- The one row: the feed. `key`: makes its cursors opaque. `last_sequence`: the last number given. `dropped_sequence`: the
-- last number that is no longer kept.
create table feed (
  name text not null primary key,
  key text not null,
  last_sequence integer not null,
  dropped_sequence integer not null
) strict;
insert into feed (name, key, last_sequence, dropped_sequence)
values ('changes', lower(hex(randomblob(32))), 0, 0);

-- A row: a job that one process at a time does. `token`: grows whenever it changes hands (a fencing token).
create table lease (
  name text not null primary key,
  holder text not null,
  token integer not null,
  held_until integer not null
) strict;

------------------------------------------------------------------------------------------------------------------------
-- Inbox: labels and pending tags
------------------------------------------------------------------------------------------------------------------------

-- A row: a label of a Page's inbox. `name`: null while Meta has not told it; it is asked for at `next_at`.
create table label_name (
  page_id text not null,
  label_id text not null,
  name text,
  named_at integer not null,
  next_at integer,
  tries integer not null,
  primary key (page_id, label_id)
) strict;
create index label_name_wanted on label_name (next_at);

-- A row: a label was put on a person (`added`), or taken off, as Meta told it. `effect`: the entry that putting it on led
-- to, or a word once taking it off has had its effect.
create table label_change (
  conversation_id text not null,
  label_id text not null,
  changed_at integer not null,
  added integer not null,
  page_id text not null,
  effect text,
  primary key (conversation_id, label_id, changed_at, added)
) strict;
create index label_change_label on label_change (page_id, label_id);

-- A row: a label that the service itself takes off once it was heard, so that the next order can carry it. `began_at`:
-- when it was put on. `asked_at`: when Meta was last asked. `next_at`: when Meta is asked next.
create table label_removal (
  conversation_id text not null,
  label_id text not null,
  began_at integer not null,
  page_id text not null,
  asked_at integer,
  done_at integer,
  next_at integer,
  tries integer not null,
  primary key (conversation_id, label_id, began_at)
) strict;
create index label_removal_due on label_removal (next_at);

-- A row: a tag that a label or a sentence said and that waits for a person. `takes_back`: it takes the kind back.
-- `reason`: why it waits. `reference`: the same thing said again has the same.
create table pending_tag (
  id text not null primary key,
  page_id text not null references page (id),
  conversation_id text not null,
  source text not null,
  kind text not null,
  takes_back integer not null,
  value integer,
  currency text not null,
  reason text not null,
  reference text not null,
  occurred_at integer not null,
  made_at integer not null,
  settled_at integer,
  settled_by text
) strict;
create unique index pending_tag_reference on pending_tag (page_id, source, reference);
create index pending_tag_open on pending_tag (conversation_id) where settled_at is null;

------------------------------------------------------------------------------------------------------------------------
-- Access
------------------------------------------------------------------------------------------------------------------------

-- A row: an API key, by the SHA-256 of its secret. `page_id`: for this Page alone.
create table api_key (
  id text not null primary key,
  name text not null,
  role text not null,
  page_id text,
  hash text not null unique,
  made_at integer not null,
  revoked_at integer
) strict;

-- A row: the answer to a request with an Idempotency-Key, so that the same request again gets it again.
create table idempotent_answer (
  key_id text not null,
  route text not null,
  idempotency_key text not null,
  body_hash text not null,
  status integer not null,
  answer text not null,
  made_at integer not null,
  primary key (key_id, route, idempotency_key)
) strict;

-- A row: somebody who uses the console. `name_key`: the name as it is compared. `password`: its Argon2id hash.
create table operator (
  id text not null primary key,
  name text not null,
  name_key text not null unique,
  role text not null,
  page_id text,
  language text not null,
  password text,
  made_at integer not null,
  ended_at integer
) strict;

-- A row: a session, by the hash of its cookie.
create table session (
  hash text not null primary key,
  operator_id text not null references operator (id),
  made_at integer not null,
  ends_at integer not null
) strict;
create index session_operator on session (operator_id);

-- A row: a one-time link for an operator, or, without one, the code for the first admin.
create table invitation (
  hash text not null primary key,
  operator_id text references operator (id),
  made_at integer not null,
  ends_at integer not null
) strict;
create index invitation_operator on invitation (operator_id);

-- A row: a place for a try at a password. A try takes one, and it is free again when it is old enough.
create table login_try (
  account text not null,
  place integer not null,
  tried_at integer not null,
  primary key (account, place)
) strict;
create index login_try_age on login_try (tried_at);

------------------------------------------------------------------------------------------------------------------------
-- Intake
------------------------------------------------------------------------------------------------------------------------

-- A row: the raw body of a webhook. `unread`: the shape of one that could not be read. SQLite keeps these bodies in a
-- file of its own (`…-intake`), and none here.
create table intake_log (
  id integer not null primary key,
  received_at integer not null,
  body blob not null,
  projected_at integer,
  unread text
) strict;
create index intake_log_waiting on intake_log (id) where projected_at is null;
create index intake_log_age on intake_log (received_at);

-- A row: up to which row of an intake file all is projected. PostgreSQL has no such file, and no row here.
create table intake_mark (
  file text not null primary key,
  projected_row integer not null
) strict;

-- A row: how many events of a kind were kept and not projected.
create table intake_count (
  page_id text not null,
  kind text not null,
  count integer not null,
  primary key (page_id, kind)
) strict;
