-- People who use the console. Secrets stand here as hashes alone: passwords by Argon2id, the rest are random.
create table operator (
  id text not null primary key,
  name text not null,
  name_key text not null unique,
  role text not null,
  page_id text,
  language text not null,
  password text,
  made_at bigint not null,
  ended_at bigint
);

create table session (
  hash text not null primary key,
  operator_id text not null references operator (id),
  made_at bigint not null,
  ends_at bigint not null
);
create index session_operator on session (operator_id);

-- A one-time link for a person, or, without one, the code for the first admin.
create table invitation (
  hash text not null primary key,
  operator_id text references operator (id),
  made_at bigint not null,
  ends_at bigint not null
);
create index invitation_operator on invitation (operator_id);

-- The places for tries at a password: one try takes one, and it is free again when it is old enough.
create table login_try (
  account text not null,
  place bigint not null,
  tried_at bigint not null,
  primary key (account, place)
);
create index login_try_age on login_try (tried_at);

-- What a Page sells, in the order of its price list.
create table product (
  page_id text not null references page (id),
  sku text not null,
  position bigint not null,
  name text not null,
  price bigint not null,
  cost bigint,
  primary key (page_id, sku)
);

-- When a snoozed conversation came back into the queue.
alter table conversation add column back_at bigint;
create index conversation_waiting on conversation (state, waiting_since, id);
create index conversation_snoozed on conversation (snoozed_until) where state = 'snoozed';
create index conversation_back on conversation (back_at) where state = 'waiting' and back_at is not null;

-- When the test event code of a Page ends.
alter table page add column test_until bigint;

-- What Meta shows of a person: asked for at `profile_at`, once it was told no more. A Page whose people are not
-- shown waits until `profiles_at`.
alter table person add column profile_at bigint default 0;
alter table person add column profile_tries bigint not null default 0;
create index person_profile on person (page_id, profile_at) where profile_at is not null;
create index person_name on person (page_id, name, conversation_id) where name is not null;
alter table page add column profiles_at bigint;
create table face (
  conversation_id text not null primary key,
  picture bytea not null,
  taken_at bigint not null
);
