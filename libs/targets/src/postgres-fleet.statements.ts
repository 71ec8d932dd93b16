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
  acts integer not null default 0,
  -- Which set is live and what is done to sets; null: as a fleet begins.
  sets jsonb
);

create table if not exists simulated.instances (
  fleet text not null references simulated.fleets on delete cascade,
  id text collate "C" not null,
  set_name text not null default 'main',
  index integer not null,
  -- Null: a place to which nothing was brought yet.
  runs text,
  came_from jsonb not null,
  admitted boolean not null,
  up boolean not null,
  gone boolean not null,
  -- An operation runs, or has ended since the row was written.
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

-- Fleets that were made before there were sets. Only then: altering waits for everybody's work.
do $$ begin
  if not exists (
    select from information_schema.columns
    where table_schema = 'simulated' and table_name = 'instances' and column_name = 'set_name'
  ) then
    alter table simulated.fleets add column sets jsonb;
    alter table simulated.instances
      add column set_name text not null default 'main',
      alter column runs drop not null;
  end if;
end $$;
`;

/** Rows of instances as they are read; the columns of `InstanceRow`. */
export const INSTANCE_COLUMNS =
  'id, set_name, index, runs, came_from, admitted, up, gone, fence, operation, earlier';

export const INSERT_INSTANCES = `
insert into simulated.instances
  (fleet, id, index, runs, came_from, admitted, up, gone, busy, fence, operation, earlier)
select $1, 'i-' || lpad(n::text, 6, '0'), n, $2, '[]', true, true, false, false, null, null, '[]'
from generate_series($3::integer, $4::integer - 1) as n
on conflict do nothing`;

/** Places of a set from `$5` up to `$6`; what is there stays, what vanished becomes a place again. */
export const FILL_SET = `
insert into simulated.instances
  (fleet, id, set_name, index, runs, came_from, admitted, up, gone, busy, fence, operation, earlier)
select $1, $3 || lpad(n::text, 6, '0'), $2, n, null, '[]', false, false, false, false, $4, null,
       '[]'
from generate_series($5::integer, $6::integer - 1) as n
on conflict (fleet, id) do update
set runs = null, came_from = '[]', admitted = false, up = false, gone = false, busy = false,
    fence = excluded.fence, operation = null, earlier = '[]'
where instances.gone`;

export const UPDATE_INSTANCES = `
update simulated.instances as i
set runs = r.runs, came_from = r.came_from, admitted = r.admitted, up = r.up, gone = r.gone,
    busy = r.busy, fence = r.fence, operation = r.operation, earlier = r.earlier
from jsonb_to_recordset($2::jsonb) as r(
  id text, runs text, came_from jsonb, admitted boolean, up boolean, gone boolean, busy boolean,
  fence jsonb, operation jsonb, earlier jsonb)
where i.fleet = $1 and i.id = r.id`;
