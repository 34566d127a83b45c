-- Text for every id, integer for every number: times are Unix milliseconds, money is minor units.
-- Personal data lives only in person, message, inbox and payload.

create table page (
  id text not null primary key,
  name text not null,
  dataset_id text not null,
  token blob not null,
  currency text not null,
  country text not null,
  timezone text not null,
  mode text not null,
  fault text,
  fault_at integer,
  test_event_code text,
  silent_after integer not null,
  policy_version integer not null,
  next_number integer not null
) strict;

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

create table dataset (
  id text not null primary key,
  throttled_until integer not null,
  throttle_step integer not null
) strict;

create table refused_name (
  dataset_id text not null,
  event_name text not null,
  refused_at integer not null,
  primary key (dataset_id, event_name)
) strict;

create table api_key (
  id text not null primary key,
  name text not null,
  role text not null,
  page_id text,
  hash text not null unique,
  made_at integer not null,
  revoked_at integer
) strict;

create table stored_answer (
  key_id text not null,
  route text not null,
  idempotency_key text not null,
  body_hash text not null,
  status integer not null,
  answer text not null,
  made_at integer not null,
  primary key (key_id, route, idempotency_key)
) strict;

create table inbox (
  id integer not null primary key,
  received_at integer not null,
  body blob not null,
  projected_at integer,
  unread text
) strict;
create index inbox_waiting on inbox (id) where projected_at is null;

create table kept (
  page_id text not null,
  kind text not null,
  count integer not null,
  primary key (page_id, kind)
) strict;

create table conversation (
  id text not null primary key,
  page_id text not null references page (id),
  channel text not null,
  began_at integer not null,
  last_at integer not null,
  phone_hash text,
  state text not null,
  waiting_since integer,
  snoozed_until integer,
  owner text,
  version integer not null
) strict;
create index conversation_queue on conversation (page_id, state, waiting_since);
create index conversation_phone on conversation (page_id, phone_hash);

create table person (
  page_id text not null,
  channel text not null,
  psid text not null,
  conversation_id text not null,
  name text,
  primary key (page_id, channel, psid)
) strict;
create index person_conversation on person (conversation_id);

create table seen (
  page_id text not null,
  mid text not null,
  seen_at integer not null,
  primary key (page_id, mid)
) strict;
create index seen_age on seen (seen_at);

create table message (
  conversation_id text not null,
  sent_at integer not null,
  id text not null,
  page_id text not null,
  mid text,
  author text not null,
  text text,
  attachments text,
  primary key (conversation_id, sent_at, id)
) strict;

create table referral (
  conversation_id text not null,
  led_at integer not null,
  id text not null,
  page_id text not null,
  ad_id text,
  ref text,
  source text,
  kind text,
  ad_title text,
  primary key (conversation_id, led_at, id)
) strict;

create table chat (
  conversation_id text not null,
  number integer not null,
  page_id text not null,
  began_at integer not null,
  last_at integer not null,
  first_word_at integer,
  last_word_at integer,
  ad_id text,
  primary key (conversation_id, number)
) strict;

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
  opened_at integer not null,
  version integer not null
) strict;
create index order_conversation on sale_order (conversation_id);
create index order_state on sale_order (page_id, state, opened_at);

create table order_name (
  page_id text not null,
  name text not null,
  order_id text not null,
  position integer not null,
  primary key (page_id, name)
) strict;
create index order_name_order on order_name (order_id);

-- The ledger: rows are added and never changed. An entry of kind `undo` or `accept` names another in `about`.
create table outcome (
  id text not null primary key,
  page_id text not null references page (id),
  conversation_id text,
  order_id text,
  about text,
  kind text not null,
  occurred_at integer not null,
  clamped integer not null,
  recorded_at integer not null,
  source text not null,
  actor text not null,
  reference text,
  currency text not null,
  value integer,
  delivery_fee integer,
  discount integer,
  fee integer,
  items text,
  payment text,
  courier text,
  waybill text,
  reason text,
  flag text,
  order_version integer
) strict;
create index outcome_order on outcome (order_id);
create index outcome_conversation on outcome (conversation_id);
create index outcome_about on outcome (about);
create unique index outcome_reference on outcome (page_id, source, reference);

create table conversion (
  id text not null primary key,
  page_id text not null references page (id),
  conversation_id text,
  order_id text,
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
  zeros integer not null,
  resent integer not null,
  lease text,
  lease_until integer,
  attempt_id text
) strict;
create unique index conversion_event on conversion (page_id, event_id);
create index conversion_order on conversion (order_id);
create index conversion_due on conversion (page_id, state, event_time);
create index conversion_attempt on conversion (attempt_id);

-- Which facts a conversion reports: a base Purchase the uplifts that were joined to it, an uplift its own.
create table conversion_outcome (
  outcome_id text not null primary key,
  conversion_id text not null
) strict;
create index conversion_outcome_conversion on conversion_outcome (conversion_id);

create table payload (
  conversion_id text not null primary key,
  body text not null
) strict;

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
  words text,
  fbtrace_id text
) strict;
create index attempt_open on attempt (opened_at) where verdict is null;

create table attempt_conversion (
  attempt_id text not null,
  conversion_id text not null,
  primary key (attempt_id, conversion_id)
) strict;
create index attempt_conversion_conversion on attempt_conversion (conversion_id);

create table change (
  id text not null primary key,
  page_id text not null references page (id),
  kind text not null,
  subject_id text not null,
  version integer not null,
  occurred_at integer not null,
  sequence integer
) strict;
create unique index change_sequence on change (sequence);
create index change_unnumbered on change (id) where sequence is null;

create table lease (
  name text not null primary key,
  holder text not null,
  token integer not null,
  held_until integer not null
) strict;
