/** What the nemesis can do, each drawn from its seed: how it begins and how it ends. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { SimulatedFault } from '#targets/simulated-faults.js';
import type { SeededRandom } from '#testing/seeded-random.js';
import type { Replica, ServiceName } from '../../tools/product/product.js';
import { identify, signal, type ProcessIdentity } from '../../tools/stack/processes.js';
import type { Service } from '../../tools/supervise.js';
import type { CutNetwork } from './cut-network.js';
import type { Server, Servers } from './servers.js';
import type { SimulatedFleets } from './simulated-world.js';

export const BLOW_KINDS = [
  'KILL',
  'TERM',
  'FREEZE',
  'FREEZE_LONG',
  'KILL_ALL',
  'FREEZE_AGENT',
  'BROKER_STOP',
  'BROKER_KILL',
  'BROKER_FREEZE',
  'POSTGRES_STOP',
  'POSTGRES_KILL',
  'POSTGRES_FREEZE',
  'CONNECTIONS_RESET',
  'CONNECTIONS_SILENT',
  'SESSIONS_ENDED',
  'TARGET_FAULTS',
] as const;
export type BlowKind = (typeof BLOW_KINDS)[number];

export interface DrawnBlow {
  readonly what: BlowKind;
  readonly on: string;
  /** Two that hold the same thing are never struck at the same time. */
  readonly holds: string;
  /** From its beginning to its end. */
  readonly forMs: number;
  /** Whether there is a process to strike; left out: there always is. */
  readonly isThere?: () => boolean;
  readonly begin: () => Promise<void>;
  readonly end: () => Promise<void>;
}

export interface BlowParts {
  readonly replicas: readonly Replica[];
  readonly servers: Servers;
  /** Between the services and Postgres. */
  readonly network: CutNetwork;
  readonly simulated: SimulatedFleets;
  /** As the simulated driver calls them, with how many instances they have. */
  readonly simulatedFleets: readonly { readonly key: string; readonly instances: number }[];
}

const nothing = (): Promise<void> => Promise.resolve();

/** Longer than a lease (1.5 s), shorter than the broker's patience with a member (10 s). */
const PAST_LEASE_MS = [2_000, 4_500] as const;
const PAST_SESSION_MS = [10_500, 13_000] as const;
const SERVER_AWAY_MS = [500, 5_000] as const;

/** @param of whose processes it strikes, of those blows that strike one; left out: anybody's */
export function drawBlow(
  what: BlowKind,
  random: SeededRandom,
  parts: BlowParts,
  of?: ServiceName,
): DrawnBlow {
  const { servers, network } = parts;
  const between = ([min, max]: readonly [number, number]): number => random.between(min, max);
  const replica = random.pick(parts.replicas.filter((each) => of === undefined || each.of === of));
  const onReplica = { what, ...onProcess(replica) };
  const onServer = (server: Server): Pick<DrawnBlow, 'what' | 'on' | 'holds' | 'forMs'> => {
    return { what, on: server, holds: 'server', forMs: between(SERVER_AWAY_MS) };
  };
  switch (what) {
    case 'KILL':
      return { ...onReplica, forMs: 0, begin: () => replica.service.kill9(), end: nothing };
    case 'TERM':
      return { ...onReplica, forMs: 0, ...terminated(replica) };
    case 'FREEZE':
      return { ...onReplica, forMs: between(PAST_LEASE_MS), ...frozen(replica) };
    case 'FREEZE_LONG':
      return { ...onReplica, forMs: between(PAST_SESSION_MS), ...frozen(replica) };
    case 'FREEZE_AGENT': {
      const agent = parts.replicas.find((each) => each.of === 'fleet-agent') ?? replica;
      return { what, ...onProcess(agent), forMs: between(PAST_LEASE_MS), ...frozen(agent) };
    }
    case 'KILL_ALL':
      return { what, on: 'all', holds: 'all', forMs: 0, ...allKilled(random, parts.replicas) };
    case 'BROKER_STOP':
      return { ...onServer('kafka'), ...awayAfter('kafka', servers, () => servers.stop('kafka')) };
    case 'BROKER_KILL':
      return { ...onServer('kafka'), ...awayAfter('kafka', servers, () => servers.kill('kafka')) };
    case 'POSTGRES_STOP':
      return {
        ...onServer('postgres'),
        ...awayAfter('postgres', servers, () => servers.stopAtOnce()),
      };
    case 'POSTGRES_KILL':
      return {
        ...onServer('postgres'),
        ...awayAfter('postgres', servers, () => servers.kill('postgres')),
      };
    case 'BROKER_FREEZE':
      return { ...onServer('kafka'), ...serverFrozen('kafka', servers) };
    case 'POSTGRES_FREEZE':
      return { ...onServer('postgres'), ...serverFrozen('postgres', servers) };
    case 'CONNECTIONS_RESET': {
      const share = random.pick([0.2, 0.5, 1]);
      const draws = random.fork();
      const begin = async (): Promise<void> => network.reset(share, draws.asFunction);
      return {
        what,
        on: `${String(share * 100)} %`,
        holds: 'network',
        forMs: 0,
        begin,
        end: nothing,
      };
    }
    case 'CONNECTIONS_SILENT': {
      const begin = async (): Promise<void> => network.silence();
      const end = async (): Promise<void> => network.speak();
      return { what, on: 'postgres', holds: 'network', forMs: between(SERVER_AWAY_MS), begin, end };
    }
    case 'SESSIONS_ENDED': {
      const share = random.pick([0.2, 0.5, 1]);
      const draws = random.fork();
      const begin = async (): Promise<void> => {
        await servers.terminateSome(share, draws.asFunction);
      };
      return {
        what,
        on: `${String(share * 100)} %`,
        holds: 'server',
        forMs: 0,
        begin,
        end: nothing,
      };
    }
    case 'TARGET_FAULTS':
      return targetFaults(random, parts);
  }
}

type BeginAndEnd = Pick<DrawnBlow, 'begin' | 'end'>;

function onProcess({ service }: Replica): Pick<DrawnBlow, 'on' | 'holds' | 'isThere'> {
  return { on: service.name, holds: service.name, isThere: () => service.pid() !== undefined };
}

function terminated({ service }: Replica): BeginAndEnd {
  const begin = async (): Promise<void> => {
    const victim = processOf(service);
    if (victim !== undefined) signal(victim, 'SIGTERM');
  };
  return { begin, end: nothing };
}

function processOf(service: Service): ProcessIdentity | undefined {
  const pid = service.pid();
  return pid === undefined ? undefined : identify(pid);
}

function frozen({ service }: Replica): BeginAndEnd {
  let victim: ProcessIdentity | undefined;
  return {
    begin: async () => {
      victim = processOf(service);
      if (victim !== undefined) signal(victim, 'SIGSTOP');
    },
    end: async () => {
      if (victim !== undefined) signal(victim, 'SIGCONT');
    },
  };
}

/** None is left; then they are started one after the other, in any order. */
function allKilled(random: SeededRandom, replicas: readonly Replica[]): BeginAndEnd {
  const order = shuffled(random, replicas);
  const pausesMs = order.map(() => random.between(0, 400));
  return {
    begin: async () => {
      const stopped = replicas.map(({ service }) => {
        const victim = processOf(service);
        // It is to stay down, and has no time to make anything of being asked to end.
        const down = service.stop();
        if (victim !== undefined) signal(victim, 'SIGKILL');
        return down;
      });
      await Promise.all(stopped);
    },
    end: async () => {
      const starts: Promise<void>[] = [];
      for (const [at, { service }] of order.entries()) {
        starts.push(service.start().catch(() => undefined));
        await sleep(pausesMs[at]);
      }
      await Promise.all(starts);
    },
  };
}

/** In an order that is drawn. */
export function shuffled<Item>(random: SeededRandom, items: readonly Item[]): Item[] {
  const drawn = items.map((item) => ({ item, place: random.next() }));
  return drawn.sort((a, b) => a.place - b.place).map(({ item }) => item);
}

function awayAfter(server: Server, servers: Servers, begin: () => Promise<void>): BeginAndEnd {
  return { begin, end: () => servers.start(server) };
}

function serverFrozen(server: Server, servers: Servers): BeginAndEnd {
  return { begin: () => servers.freeze(server), end: async () => servers.thaw() };
}

const FAULTS: readonly Pick<SimulatedFault, 'on' | 'how'>[] = [
  { on: 'BRING', how: 'HANG' },
  { on: 'BRING', how: 'FAIL' },
  { on: 'BRING', how: 'LIE' },
  { on: 'BRING', how: 'NO_DATA' },
  { on: 'DRAIN', how: 'HANG' },
  { on: 'DRAIN', how: 'FAIL' },
  { on: 'HEALTH', how: 'FAIL' },
  { on: 'HEALTH', how: 'NO_DATA' },
  { on: 'HEALTH', how: 'HANG' },
  { on: 'LIST', how: 'FAIL' },
  { on: 'LIST', how: 'HANG' },
  { on: 'ROLLBACK', how: 'HANG' },
  { on: 'ROLLBACK', how: 'NO_DATA' },
  { on: 'SWITCH', how: 'FAIL' },
];

function targetFaults(random: SeededRandom, parts: BlowParts): DrawnBlow {
  const { key, instances } = random.pick(parts.simulatedFleets);
  const faults = Array.from({ length: random.between(1, 3) }, () => {
    const fault = random.pick(FAULTS);
    const isOfOne = random.chance(0.6) && fault.on !== 'SWITCH' && fault.on !== 'LIST';
    return isOfOne ? { ...fault, instance: random.between(0, instances - 1) } : fault;
  });
  const set = (wanted: readonly SimulatedFault[]): Promise<void> => {
    // The database may be away itself; they go in the end in any case.
    return parts.simulated.setFaults(key, wanted).catch(() => undefined);
  };
  return {
    what: 'TARGET_FAULTS',
    on: `${key} ${faults.map(({ on, how }) => `${on} ${how}`).join(', ')}`,
    holds: key,
    forMs: random.between(1_500, 6_000),
    begin: () => set(faults),
    end: () => set([]),
  };
}
