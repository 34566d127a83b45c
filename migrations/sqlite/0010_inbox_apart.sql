-- On SQLite raw bodies wait in a file of their own; here stands up to which of them all is projected.
create table inbox_mark (
  file text not null primary key,
  last integer not null
) strict;
