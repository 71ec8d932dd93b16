/**
 * The schema of simulated fleets. It belongs to no service: it stands for the outside world, so it
 * is made by whoever needs it first, under a lock, and no service's migrations know of it.
 */

/** Of the advisory lock under which the schema is made: any number nobody else uses. */
export const SCHEMA_LOCK = 7_304_115_901;

export const CREATE_SCHEMA = `
create schema if not exists simulated;

create table if not exists simulated.fleets (
  fleet text primary key,
  version text not null,
  faults jsonb not null,
  -- How often each fault has happened, in their order.
  spent jsonb not null,
  keeps_history boolean not null,
  -- Entries of its history.
  acts integer not null default 0
);

create table if not exists simulated.instances (
  fleet text not null references simulated.fleets on delete cascade,
  id text collate "C" not null,
  index integer not null,
  runs text not null,
  came_from jsonb not null,
  admitted boolean not null,
  up boolean not null,
  gone boolean not null,
  -- Of what runs: when it ends, ms since 1970; null while nothing runs, or when it hangs.
  busy boolean not null,
  fence jsonb,
  operation jsonb,
  earlier jsonb not null,
  primary key (fleet, id)
);

create index if not exists instances_not_up on simulated.instances (fleet, id)
  where not (admitted and up and not busy);

create table if not exists simulated.history (
  fleet text not null references simulated.fleets on delete cascade,
  position bigint generated always as identity,
  act jsonb not null,
  primary key (fleet, position)
);
`;

/** Rows of instances as they are read; the columns of `InstanceRow`. */
export const INSTANCE_COLUMNS =
  'id, index, runs, came_from, admitted, up, gone, fence, operation, earlier';

export const INSERT_INSTANCES = `
insert into simulated.instances
  (fleet, id, index, runs, came_from, admitted, up, gone, busy, fence, operation, earlier)
select $1, 'i-' || lpad(n::text, 6, '0'), n, $2, '[]', true, true, false, false, null, null, '[]'
from generate_series($3::integer, $4::integer - 1) as n
on conflict do nothing`;

export const UPDATE_INSTANCES = `
update simulated.instances as i
set runs = r.runs, came_from = r.came_from, admitted = r.admitted, up = r.up, gone = r.gone,
    busy = r.busy, fence = r.fence, operation = r.operation, earlier = r.earlier
from jsonb_to_recordset($2::jsonb) as r(
  id text, runs text, came_from jsonb, admitted boolean, up boolean, gone boolean, busy boolean,
  fence jsonb, operation jsonb, earlier jsonb)
where i.fleet = $1 and i.id = r.id`;
