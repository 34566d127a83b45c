-- A cross-sell by its new whole: the uplift follows from what the order was worth at that moment.
alter table outcome add column total bigint;
