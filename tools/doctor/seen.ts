/** What the readers have seen, as plain values: all that the judgement knows. */

export const SERVICE_NAMES = [
  'orchestrator',
  'validator',
  'canary-monitor',
  'rollback-agent',
] as const;
export type ServiceName = (typeof SERVICE_NAMES)[number];

export interface LeaseSeen {
  readonly shard: number;
  readonly epoch: number;
  /** Somebody owns it at this moment. */
  readonly isHeld: boolean;
}

/** One service's schema. Times are ms since 1970 on the database's clock. */
export interface ServiceSeen {
  readonly name: ServiceName;
  /** Null: there is no such schema. */
  readonly applied: readonly string[] | null;
  /** Migrations this code has. */
  readonly known: readonly string[];
  readonly leases: readonly LeaseSeen[];
  readonly outbox: {
    readonly rows: number;
    /** Something stood in it at one of the two looks. */
    readonly moves: boolean;
    /** The oldest at the first look still stood there at the second. */
    readonly stands: boolean;
  };
  readonly lateTimers: { readonly count: number; readonly oldestAtMs: number | null };
}

export interface ExecutionSeen {
  readonly id: string;
  readonly tenantId: string;
  readonly componentId: string;
  readonly shard: number;
  readonly status: string;
  readonly isActive: boolean;
  readonly revision: number;
  /** Of its last event. */
  readonly sequence: number;
  /** Up to here the outbox held nothing back when the topics were not read yet. */
  readonly toldSequence: number;
  readonly handOver: number;
  readonly createdAtMs: number;
  readonly lastProgressAtMs: number;
  /** Post-upgrade checks were asked for and not answered. */
  readonly awaitsPostChecks: boolean;
  /** The same revision at both looks: nothing was on its way. */
  readonly isSettled: boolean;
}

/** What a service has written down about an execution's work. */
export interface WorkSeen {
  readonly service: Exclude<ServiceName, 'orchestrator'>;
  readonly executionId: string;
  readonly handOver: number;
  /** PRE or POST of the validator; else empty. */
  readonly kind: string;
  /** GATHERING: not all of its pages have come, so nothing has begun. */
  readonly state: 'GATHERING' | 'RUNNING' | 'OVER';
}

/** An execution as the progress topic tells it. */
export interface ToldSeen {
  readonly executionId: string;
  readonly tenantId: string;
  readonly firstSequence: number;
  readonly lastSequence: number;
  /** Sequences between first and last that did not come. */
  readonly missing: number;
  /** Of the event with the highest sequence. */
  readonly status: string;
}

/** The highest hand-over that commands and results speak of. */
export interface WorkMessageSeen {
  readonly executionId: string;
  /** Results do not say whose they are. */
  readonly tenantId: string | null;
  readonly topic: string;
  readonly handOver: number;
}

export interface GroupSeen {
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
  /** The next offset it will read; null: none was ever committed. */
  readonly committed: number | null;
  readonly low: number;
  readonly high: number;
}

export interface TopicsSeen {
  readonly missing: readonly string[];
  /** The oldest messages of the progress topic were left out: what they told is not known. */
  readonly isCut: boolean;
  readonly told: readonly ToldSeen[];
  readonly work: readonly WorkMessageSeen[];
  readonly groups: readonly GroupSeen[];
  readonly deadLetters: readonly { readonly topic: string; readonly count: number }[];
}

export interface FenceSeen {
  readonly handOver: number;
  readonly epoch: number;
}

export interface TargetSeen {
  /** Of the instances of all sets, and of the sets themselves where that can be read. */
  readonly highestFence: FenceSeen | null;
  readonly sets: readonly { readonly name: string; readonly live: boolean }[];
  /** Version → instances of the live set that report it; who does not answer is left out. */
  readonly versions: Readonly<Record<string, number>>;
  readonly silent: number;
}

/** Rows of an execution that did not move while the target was asked, and say something else. */
export interface InstanceDifference {
  readonly instanceId: string;
  readonly status: string;
  readonly expected: string;
  readonly reports: string;
}

export interface DeploymentSeen {
  readonly tenantId: string;
  readonly componentId: string;
  readonly componentName: string;
  /** The highest any execution of it has reached. */
  readonly handOver: number;
  readonly currentVersion: string | null;
  readonly observedVersions: Readonly<Record<string, number>>;
  /** Sets the database knows of: kept, made or retired by an execution. */
  readonly knownSets: readonly string[];
  readonly activeExecutionId: string | null;
  /** Null: it has none, or it could not be asked. */
  readonly target: TargetSeen | null;
  readonly differences: readonly InstanceDifference[];
}

export interface Seen {
  readonly tenant: string | null;
  /** This machine's clock against the database's: positive when this one is ahead. */
  readonly clockAheadMs: number | null;
  readonly nowMs: number;
  readonly services: readonly ServiceSeen[];
  readonly executions: readonly ExecutionSeen[];
  readonly work: readonly WorkSeen[];
  /** Null: Kafka could not be asked. */
  readonly topics: TopicsSeen | null;
  readonly deployments: readonly DeploymentSeen[];
}
