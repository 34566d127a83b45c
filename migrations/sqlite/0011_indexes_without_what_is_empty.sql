-- Most entries have no sender's own id and are about no other one, and a conversion has no attempt at first: what is
-- empty is looked for nowhere, and costs these indexes nothing.
drop index outcome_about;
drop index outcome_reference;
drop index conversion_attempt;
create index outcome_about on outcome (about) where about is not null;
create unique index outcome_reference on outcome (page_id, source, reference) where reference is not null;
create index conversion_attempt on conversion (attempt_id) where attempt_id is not null;
