-- What lists of the API run along, newest first.
create index conversation_state on conversation (page_id, state, last_at, id);
create index order_opened on sale_order (page_id, opened_at, id);
create index conversion_made on conversion (page_id, made_at, id);
create index attempt_opened on attempt (page_id, opened_at, id);
create index attempt_age on attempt (opened_at);
