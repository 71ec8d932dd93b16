/**
 * The history of a run: JSONL, one line a happening, in the order in which this process learned of
 * it. Checkers read nothing else, so that a run can be judged again from its file alone.
 */
import { appendFileSync, closeSync, openSync, readFileSync } from 'node:fs';
import type { SimulatedAct } from '#targets/simulated-instance.js';

export interface LineHead {
  /** From 1: its place in the file. */
  readonly line: number;
  /** Ms since the run began; never goes back. */
  readonly atMs: number;
}

/** What the run is about; the first line. */
export interface RunBegan {
  readonly kind: 'RUN';
  readonly seed: number;
  /** Ms since 1970 of `atMs` 0: what the services' own times are held against. */
  readonly originMs: number;
  readonly fleets: readonly FleetSeen[];
}

export interface FleetSeen {
  readonly fleet: string;
  readonly tenantId: string;
  readonly componentId: string;
  readonly driver: 'agent' | 'simulated';
  readonly instances: number;
}

/** Somebody asks the REST API for something. */
export interface Asked {
  readonly kind: 'ASKED';
  readonly op: number;
  /** Nobody else ever asks under this name, but for repetitions of the same request. */
  readonly by: string;
  readonly tenantId: string;
  /** The `X-Tenant-Id` it was sent with; null: none. */
  readonly asTenant: string | null;
  readonly method: string;
  readonly path: string;
  /** `create`, or an action's path; null: nothing is to change. */
  readonly action: string | null;
  readonly executionId: string | null;
  readonly key: string | null;
  readonly body: unknown;
  readonly replica: string;
}

export interface Answered {
  readonly kind: 'ANSWERED';
  readonly op: number;
  readonly status: number;
  /** It was an RFC 9457 problem with a code. */
  readonly code: string | null;
  /** What of its body matters, where it was an execution. */
  readonly heart: AnswerHeart | null;
  /** All tenants of the run that its body names. */
  readonly mentions: readonly string[];
}

export interface AnswerHeart {
  readonly id: string;
  readonly tenantId: string;
  readonly status: string;
  readonly revision: number;
}

/** It was never answered: whether it was done, nobody knows. */
export interface Lost {
  readonly kind: 'LOST';
  readonly op: number;
  readonly why: string;
}

/** A message on the progress topic. */
export interface EventSeen {
  readonly kind: 'EVENT';
  readonly partition: number;
  readonly offset: string;
  readonly key: string | null;
  readonly text: string;
}

/** A fleet's live set looked at from outside; what differs from the look before. */
export interface Look {
  readonly kind: 'LOOK';
  readonly fleet: string;
  readonly changed: readonly InstanceSeen[];
  /** Ids that are not there any more. */
  readonly gone: readonly string[];
}

export interface InstanceSeen {
  readonly id: string;
  readonly version: string | null;
  readonly admitted: boolean;
  readonly healthy: boolean;
}

/** An instance's process says by itself that it has started. */
export interface Started {
  readonly kind: 'STARTED';
  readonly fleet: string;
  readonly instanceId: string;
  readonly version: string;
}

/** The nemesis strikes, and lets go. */
export interface Blow {
  readonly kind: 'BLOW';
  readonly blow: number;
  readonly what: string;
  readonly on: string;
  readonly phase: 'BEGINS' | 'ENDS';
}

/** What the clients of a fleet have met so far; told when something was dropped. */
export interface LoadMet {
  readonly kind: 'LOAD';
  readonly fleet: string;
  readonly served: number;
  readonly dropped: number;
  readonly problems: readonly string[];
}

export interface PhaseBegan {
  readonly kind: 'PHASE';
  readonly phase: 'SAFETY' | 'HEALING' | 'LIVENESS' | 'CENSUS';
}

/** An execution as REST shows it in the end, with all its instances and its events. */
export interface ExecutionSeen {
  readonly kind: 'EXECUTION';
  readonly execution: ExecutionShown;
  readonly instances: readonly InstanceShown[];
  /** Each as JSON, in their order. */
  readonly events: readonly string[];
}

export interface ExecutionShown {
  readonly id: string;
  readonly tenantId: string;
  readonly componentId: string;
  readonly kind: 'UPGRADE' | 'REVERT';
  readonly status: string;
  readonly strategy: string;
  readonly maxUnavailablePercentage: number;
  readonly fromVersionId: string;
  readonly toVersionId: string;
  readonly failureReason: string | null;
  readonly leftOver: number;
  readonly newSet: {
    readonly name: string;
    readonly state: string;
    readonly leftBehind: string | null;
  } | null;
  /** Of the checks after the upgrade: `<check> <outcome>`. */
  readonly postChecks: readonly string[];
  readonly createdAt: string;
  readonly completedAt: string | null;
}

export interface InstanceShown {
  readonly index: number;
  readonly instanceId: string;
  readonly status: string;
  readonly attempt: number;
  readonly fromVersion: string | null;
}

/** A row of the orchestrator's record of who did what. */
export interface Recorded {
  readonly kind: 'RECORDED';
  readonly executionId: string;
  readonly action: string;
  readonly by: string;
  readonly force: boolean;
}

/** What a simulated fleet says itself was done to it, the oldest first. */
export interface Acts {
  readonly kind: 'ACTS';
  readonly fleet: string;
  readonly acts: readonly SimulatedAct[];
}

/** How a fleet and its deployment stand in the end. */
export interface Standing {
  readonly kind: 'STANDING';
  readonly fleet: string;
  readonly live: string;
  readonly sets: readonly string[];
  /** Of the live set. */
  readonly instances: readonly InstanceSeen[];
  readonly currentVersionId: string | null;
  readonly observedVersions: Readonly<Record<string, number>>;
  /** Whether the deployment still keeps an earlier set. */
  readonly keepsSet: boolean;
}

/** The versions of a fleet's component. */
export interface Versions {
  readonly kind: 'VERSIONS';
  readonly fleet: string;
  readonly versions: readonly { readonly id: string; readonly version: string }[];
  /** Those that no instance can run as it should. */
  readonly bad: readonly string[];
}

export interface DeadLetters {
  readonly kind: 'DEAD_LETTERS';
  readonly topic: string;
  readonly reasons: readonly string[];
}

export type Happening =
  | RunBegan
  | Asked
  | Answered
  | Lost
  | EventSeen
  | Look
  | Started
  | Blow
  | LoadMet
  | PhaseBegan
  | ExecutionSeen
  | Recorded
  | Acts
  | Standing
  | Versions
  | DeadLetters;

export type Line = LineHead & Happening;
export type LineOf<Kind extends Happening['kind']> = LineHead & Extract<Happening, { kind: Kind }>;

/** Writes a history; each line is in the file when `add` returns. */
export class HistoryFile {
  readonly originMs = performance.timeOrigin + performance.now();
  readonly #file: number;
  #lines = 0;
  #isClosed = false;

  constructor(readonly path: string) {
    this.#file = openSync(path, 'w');
  }

  /** Ms since the run began. */
  nowMs(): number {
    return performance.timeOrigin + performance.now() - this.originMs;
  }

  /** What comes after `close` is nobody's business any more. */
  add(happening: Happening): void {
    if (this.#isClosed) return;
    this.#lines += 1;
    const head: LineHead = { line: this.#lines, atMs: Math.round(this.nowMs() * 10) / 10 };
    appendFileSync(this.#file, `${JSON.stringify({ ...head, ...happening })}\n`);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    closeSync(this.#file);
  }
}

/** @throws what says which line cannot be read */
export function readHistory(path: string): Line[] {
  const texts = readFileSync(path, 'utf8').split('\n');
  return texts.flatMap((text, at) => (text === '' ? [] : [lineOf(text, at + 1)]));
}

function lineOf(text: string, number: number): Line {
  try {
    return JSON.parse(text) as Line;
  } catch {
    throw new Error(`line ${String(number)} is no JSON`);
  }
}

/** All lines of one kind, in their order. */
export function linesOf<Kind extends Happening['kind']>(
  history: readonly Line[],
  kind: Kind,
): LineOf<Kind>[] {
  return history.filter((line): line is LineOf<Kind> => line.kind === kind);
}

export function runOf(history: readonly Line[]): LineOf<'RUN'> {
  const [first] = history;
  if (first?.kind !== 'RUN') throw new Error('a history begins with what the run is about');
  return first;
}
