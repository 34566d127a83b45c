-- Edits that arrived before their messages, until these come.
create table early_edit (
  conversation_id text not null,
  mid text not null,
  text text,
  number bigint not null,
  edited_at bigint not null,
  primary key (conversation_id, mid)
);
create index early_edit_age on early_edit (edited_at);
