/** Leases, outboxes, timers, migrations, clocks, offsets and dead letters. Pure. */
import { DOCTOR_LIMITS } from './doctor-limits.js';
import type { Finding } from './finding.js';
import type { GroupSeen, Seen, ServiceSeen } from './seen.js';

type Said = Pick<Finding, 'code' | 'severity' | 'about' | 'is' | 'expected' | 'means' | 'todo'>;

function finding(said: Said): Finding {
  return { ...said, tenantId: null, repairs: [] };
}

/** Of the installation: none of it is a tenant's business. */
export function plumbingFindings(seen: Seen): Finding[] {
  return [
    ...clockFindings(seen),
    ...seen.services.flatMap((service) => [
      ...schemaFindings(service),
      ...leaseFindings(service, seen),
      ...workFindings(service, seen),
    ]),
    ...kafkaFindings(seen),
  ];
}

function clockFindings({ clockAheadMs }: Seen): Finding[] {
  if (clockAheadMs === null || Math.abs(clockAheadMs) <= DOCTOR_LIMITS.clocksApartMs) return [];
  const apart = `${(Math.abs(clockAheadMs) / 1_000).toFixed(1)} s`;
  return [
    finding({
      code: 'CLOCKS_APART',
      severity: 'WRONG',
      about: 'clocks',
      is: `this machine's clock is ${apart} ${clockAheadMs > 0 ? 'ahead of' : 'behind'} the database's`,
      expected: `at most ${String(DOCTOR_LIMITS.clocksApartMs / 1_000)} s apart`,
      means: 'Times in events and deadlines mislead whoever compares them with this machine.',
      todo: 'have both clocks set by NTP (`timedatectl status`)',
    }),
  ];
}

function schemaFindings({ name, applied, known }: ServiceSeen): Finding[] {
  const about = `service ${name}`;
  const todo = '`npm run migrate`';
  if (applied === null) {
    const is = 'it has no schema in this database';
    const means = 'It has never run on it, or the backup was made without it.';
    const said = { code: 'SCHEMA_MISSING', severity: 'WRONG', about, is, means, todo } as const;
    return [finding({ ...said, expected: 'the schemas of all four services' })];
  }
  const missing = known.filter((each) => !applied.includes(each));
  const newer = applied.filter((each) => !known.includes(each));
  const findings: Finding[] = [];
  if (missing.length > 0) {
    findings.push(
      finding({
        ...{ code: 'MIGRATION_MISSING', severity: 'WRONG', about, todo },
        is: `its schema lacks ${missing.join(', ')}`,
        expected: 'all migrations this code has',
        means: 'The backup is older than the code; services migrate when they start.',
      }),
    );
  }
  if (newer.length > 0) {
    findings.push(
      finding({
        ...{ code: 'MIGRATION_UNKNOWN', severity: 'DANGER', about },
        is: `its schema has ${newer.join(', ')}, which this code does not know`,
        expected: 'no migration newer than the code',
        means:
          'An older release runs on a newer schema, and may write what the newer one misreads.',
        todo: 'run the release that made the schema; migrations only go forward',
      }),
    );
  }
  return findings;
}

function leaseFindings({ name, leases }: ServiceSeen, { executions }: Seen): Finding[] {
  const free = leases.filter(({ isHeld }) => !isHeld).map(({ shard }) => shard);
  if (free.length === 0) return [];
  const idle = executions.filter(({ isActive, shard }) => isActive && free.includes(shard));
  const all = free.length === leases.length;
  return [
    finding({
      code: 'SHARD_UNOWNED',
      severity: idle.length > 0 ? 'DANGER' : 'WRONG',
      about: `service ${name}`,
      is: `${all ? 'no replica owns any shard' : `nobody owns shard ${free.join(', ')}`}; ${String(idle.length)} active executions are in it`,
      expected: 'every shard owned, two seconds after its owner is gone',
      means: 'Nobody drives, relays or answers for these executions.',
      todo: all
        ? `start ${name} (\`npm start\`, or its process), then ask again`
        : `see the log and /readyz of ${name}'s replicas; start another replica`,
    }),
  ];
}

function workFindings({ name, outbox, lateTimers, leases }: ServiceSeen, seen: Seen): Finding[] {
  // Nobody is there to do it: said already.
  if (!leases.some(({ isHeld }) => isHeld)) return [];
  const findings: Finding[] = [];
  if (outbox.stands) {
    findings.push(
      finding({
        code: 'OUTBOX_STANDS',
        severity: 'DANGER',
        about: `service ${name}`,
        is: `${String(outbox.rows)} rows of its outbox wait, and the oldest does not go`,
        expected: 'an outbox that empties within a second',
        means: 'What was decided is not told: commands and events wait for the broker.',
        todo: `see /readyz and the log of ${name}, and whether the brokers take messages`,
      }),
    );
  }
  if (lateTimers.count > 0) {
    const late = Math.round((seen.nowMs - (lateTimers.oldestAtMs ?? seen.nowMs)) / 1_000);
    findings.push(
      finding({
        code: 'TIMERS_LATE',
        severity: 'WRONG',
        about: `service ${name}`,
        is: `${String(lateTimers.count)} timers are overdue, the oldest by ${String(late)} s`,
        expected: `every timer within ${String(DOCTOR_LIMITS.timerLateMs / 1_000)} s of its time`,
        means: 'Deadlines, delays and reminders do not fire.',
        todo: `see the log of ${name} for runs that fail, then restart it`,
      }),
    );
  }
  return findings;
}

function kafkaFindings({ topics }: Seen): Finding[] {
  if (topics === null) return [];
  return [
    ...missingTopics(topics.missing),
    ...topics.groups.flatMap(offsetFindings),
    ...topics.deadLetters
      .filter(({ count }) => count > 0)
      .map(({ topic, count }) =>
        finding({
          code: 'DEAD_LETTERS',
          severity: 'NOTICE',
          about: `topic ${topic}`,
          is: `${String(count)} dead letters lie there`,
          expected: 'none',
          means:
            'Messages that nobody could read or handle were set aside; nothing waits for them. They ' +
            'lie there until they go by their age, also those that were replayed.',
          todo: `\`npm run dead-letters -- list ${topic}\`, then replay what was mended`,
        }),
      ),
  ];
}

function missingTopics(missing: readonly string[]): Finding[] {
  if (missing.length === 0) return [];
  return [
    finding({
      code: 'TOPIC_MISSING',
      severity: 'DANGER',
      about: 'Kafka',
      is: `it has no topic ${missing.join(', ')}`,
      expected: 'all topics of the product, with their `.dlq`',
      means:
        'This Kafka is new, or somebody has deleted them: nothing can be sent on them, and services ' +
        'that run wait for them.',
      todo:
        'stop all services, `npm run doctor -- --fix`, start them again: they make what is missing ' +
        'when they start',
    }),
  ];
}

function offsetFindings({ group, topic, partition, committed, low, high }: GroupSeen): Finding[] {
  if (committed === null) return [];
  const about = `group ${group} on ${topic}/${String(partition)}`;
  const is = `its next offset is ${String(committed)}, the topic has ${String(low)} to ${String(high)}`;
  if (committed > high) {
    const means =
      'The topic was made anew under the group; it begins again at the oldest message, and what it ' +
      'has seen before is known by its id.';
    const todo = `restart ${group}; if it stays: stop it and delete the group's offsets`;
    const said = { code: 'OFFSET_BEYOND_END', severity: 'WRONG', about, is, means, todo } as const;
    return [finding({ ...said, expected: 'an offset the topic has, or its end' })];
  }
  if (committed < low) {
    const means = 'Messages went by their age before they were read: what they asked is lost.';
    const todo =
      'see which executions wait (this report); the lost question is asked again by deadline';
    const said = { code: 'OFFSET_TOO_OLD', severity: 'WRONG', about, is, means, todo } as const;
    return [finding({ ...said, expected: 'a group that reads before messages go' })];
  }
  return [];
}
