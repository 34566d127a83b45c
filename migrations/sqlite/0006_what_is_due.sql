-- Leases, holds and ages are found among the rows that have them; what is done costs these indexes nothing.
drop index conversion_lease;
drop index conversion_release;
create index conversion_lease on conversion (lease, state) where lease is not null;
create index conversion_release on conversion (leaves_at) where state = 'held';
create index conversion_age on conversion (event_time) where state in ('held', 'ready');
