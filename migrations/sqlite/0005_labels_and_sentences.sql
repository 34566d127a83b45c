-- The names of the inbox's labels. One that Meta left out is asked for at `next_at`.
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

-- Labels put on people and taken off, as Meta told it: the spells of a label are a fold over these. `taken` is
-- the entry that a putting on led to, or a word once a taking off has had its effect.
create table label_change (
  conversation_id text not null,
  label_id text not null,
  changed_at integer not null,
  added integer not null,
  page_id text not null,
  taken text,
  primary key (conversation_id, label_id, changed_at, added)
) strict;
create index label_change_label on label_change (page_id, label_id);

-- Labels that the service takes off itself once they were heard, so that the next order can carry them.
create table label_write (
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
create index label_write_due on label_write (next_at);

-- What was said in Meta's inbox and waits for a person.
create table waiting_tag (
  id text not null primary key,
  page_id text not null references page (id),
  conversation_id text not null,
  source text not null,
  kind text not null,
  takes_back integer not null,
  value integer,
  currency text not null,
  why text not null,
  reference text not null,
  occurred_at integer not null,
  made_at integer not null,
  settled_at integer,
  settled_by text
) strict;
create unique index waiting_tag_reference on waiting_tag (page_id, source, reference);
create index waiting_tag_open on waiting_tag (conversation_id) where settled_at is null;

-- Whether a label is taken off once it was heard.
alter table page add column take_off_labels integer not null default 0;

-- For trying a sentence on what operators wrote.
create index message_by_operator on message (page_id, sent_at) where author = 'operator';
