-- Text for every id, bigint for every number: times are Unix milliseconds, money is minor units.
-- Personal data lives only in person, message, inbox and payload.

create table page (
  id text not null primary key,
  name text not null,
  dataset_id text not null,
  token bytea not null,
  currency text not null,
  country text not null,
  timezone text not null,
  mode text not null,
  fault text,
  fault_at bigint,
  test_event_code text,
  silent_after bigint not null,
  policy_version bigint not null,
  next_number bigint not null
);

create table policy (
  page_id text not null references page (id),
  version bigint not null,
  purchase_on text not null,
  hold bigint not null,
  lead_on text not null,
  lifecycle bigint not null,
  value text not null,
  on_unknown text not null,
  made_at bigint not null,
  primary key (page_id, version)
);

create table dataset (
  id text not null primary key,
  throttled_until bigint not null,
  throttle_step bigint not null
);

create table refused_name (
  dataset_id text not null,
  event_name text not null,
  refused_at bigint not null,
  primary key (dataset_id, event_name)
);

create table api_key (
  id text not null primary key,
  name text not null,
  role text not null,
  page_id text,
  hash text not null unique,
  made_at bigint not null,
  revoked_at bigint
);

create table stored_answer (
  key_id text not null,
  route text not null,
  idempotency_key text not null,
  body_hash text not null,
  status bigint not null,
  answer text not null,
  made_at bigint not null,
  primary key (key_id, route, idempotency_key)
);

create table inbox (
  id bigint generated always as identity primary key,
  received_at bigint not null,
  body bytea not null,
  projected_at bigint,
  unread text
);
create index inbox_waiting on inbox (id) where projected_at is null;

create table kept (
  page_id text not null,
  kind text not null,
  count bigint not null,
  primary key (page_id, kind)
);

create table conversation (
  id text not null primary key,
  page_id text not null references page (id),
  channel text not null,
  began_at bigint not null,
  last_at bigint not null,
  phone_hash text,
  state text not null,
  waiting_since bigint,
  snoozed_until bigint,
  owner text,
  version bigint not null
);
create index conversation_queue on conversation (page_id, state, waiting_since);
create index conversation_phone on conversation (page_id, phone_hash);

create table person (
  page_id text not null,
  channel text not null,
  psid text not null,
  conversation_id text not null,
  name text,
  primary key (page_id, channel, psid)
);
create index person_conversation on person (conversation_id);

create table seen (
  page_id text not null,
  mid text not null,
  seen_at bigint not null,
  primary key (page_id, mid)
);
create index seen_age on seen (seen_at);

create table message (
  conversation_id text not null,
  sent_at bigint not null,
  id text not null,
  page_id text not null,
  mid text,
  author text not null,
  text text,
  attachments text,
  primary key (conversation_id, sent_at, id)
);

create table referral (
  conversation_id text not null,
  led_at bigint not null,
  id text not null,
  page_id text not null,
  ad_id text,
  ref text,
  source text,
  kind text,
  ad_title text,
  primary key (conversation_id, led_at, id)
);

create table chat (
  conversation_id text not null,
  number bigint not null,
  page_id text not null,
  began_at bigint not null,
  last_at bigint not null,
  first_word_at bigint,
  last_word_at bigint,
  ad_id text,
  primary key (conversation_id, number)
);

create table sale_order (
  id text not null primary key,
  page_id text not null references page (id),
  conversation_id text,
  service_numbered bigint not null,
  policy_version bigint not null,
  state text not null,
  currency text not null,
  value bigint,
  paid bigint not null,
  refunded bigint not null,
  opened_at bigint not null,
  version bigint not null
);
create index order_conversation on sale_order (conversation_id);
create index order_state on sale_order (page_id, state, opened_at);

create table order_name (
  page_id text not null,
  name text not null,
  order_id text not null,
  position bigint not null,
  primary key (page_id, name)
);
create index order_name_order on order_name (order_id);

-- The ledger: rows are added and never changed. An entry of kind `undo` or `accept` names another in `about`.
create table outcome (
  id text not null primary key,
  page_id text not null references page (id),
  conversation_id text,
  order_id text,
  about text,
  kind text not null,
  occurred_at bigint not null,
  clamped bigint not null,
  recorded_at bigint not null,
  source text not null,
  actor text not null,
  reference text,
  currency text not null,
  value bigint,
  delivery_fee bigint,
  discount bigint,
  fee bigint,
  items text,
  payment text,
  courier text,
  waybill text,
  reason text,
  flag text,
  order_version bigint
);
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
  number bigint not null,
  event_id text not null,
  event_time bigint not null,
  state text not null,
  reason text not null,
  detail text,
  value bigint,
  currency text not null,
  made_at bigint not null,
  leaves_at bigint not null,
  next_at bigint not null,
  policy_version bigint not null,
  frozen bigint not null,
  tries bigint not null,
  zeros bigint not null,
  resent bigint not null,
  lease text,
  lease_until bigint,
  attempt_id text
);
create unique index conversion_event on conversion (page_id, event_id);
create index conversion_order on conversion (order_id);
create index conversion_due on conversion (page_id, state, event_time);
create index conversion_attempt on conversion (attempt_id);

-- Which facts a conversion reports: a base Purchase the uplifts that were joined to it, an uplift its own.
create table conversion_outcome (
  outcome_id text not null primary key,
  conversion_id text not null
);
create index conversion_outcome_conversion on conversion_outcome (conversion_id);

create table payload (
  conversion_id text not null primary key,
  body text not null
);

create table attempt (
  id text not null primary key,
  page_id text not null references page (id),
  dataset_id text not null,
  lease text not null,
  events bigint not null,
  opened_at bigint not null,
  closed_at bigint,
  verdict text,
  http_status bigint,
  code bigint,
  subcode bigint,
  words text,
  fbtrace_id text
);
create index attempt_open on attempt (opened_at) where verdict is null;

create table attempt_conversion (
  attempt_id text not null,
  conversion_id text not null,
  primary key (attempt_id, conversion_id)
);
create index attempt_conversion_conversion on attempt_conversion (conversion_id);

create table change (
  id text not null primary key,
  page_id text not null references page (id),
  kind text not null,
  subject_id text not null,
  version bigint not null,
  occurred_at bigint not null,
  sequence bigint
);
create unique index change_sequence on change (sequence);
create index change_unnumbered on change (id) where sequence is null;

create table lease (
  name text not null primary key,
  holder text not null,
  token bigint not null,
  held_until bigint not null
);
