/** What the doctor says, and how bad it is. */

/**
 * DANGER: harm is done, or refused work piles up, as long as nobody acts. WRONG: something is not
 * as it must be, and stays so. NOTICE: explained, and worth knowing.
 */
export type Severity = 'DANGER' | 'WRONG' | 'NOTICE';

/** What `--fix` can do about a finding; each is safe by what its own file says. */
export type Repair =
  | { readonly kind: 'RAISE_EPOCHS'; readonly above: number }
  | {
      readonly kind: 'RAISE_HAND_OVER';
      readonly tenantId: string;
      readonly componentId: string;
      readonly handOver: number;
    }
  | {
      readonly kind: 'GO_ON_BEHIND';
      readonly executionId: string;
      /** The next event comes after this one… */
      readonly sequence: number;
      /** …and the next operation has at least this fence. */
      readonly handOver: number;
    }
  | { readonly kind: 'TELL_AGAIN'; readonly executionId: string; readonly afterSequence: number };

export interface Finding {
  /** In capitals, for scripts. */
  readonly code: string;
  readonly severity: Severity;
  /** Null: it is about the installation. */
  readonly tenantId: string | null;
  /** What it is about: an execution, a deployment, a service, a topic. */
  readonly about: string;
  readonly is: string;
  readonly expected: string;
  readonly means: string;
  /** The command or the call of the API. */
  readonly todo: string;
  readonly repairs: readonly Repair[];
}

/** How far a look went. */
export interface LookedAt {
  /** Null: the installation, and all tenants. Else that tenant alone, and nothing of the rest. */
  readonly tenant: string | null;
  readonly deployments: number;
  readonly executions: number;
}

export interface Diagnosis {
  readonly lookedAt: LookedAt;
  readonly findings: readonly Finding[];
  /** Parts that could not be asked, each with why: of those nothing is known. */
  readonly notLookedAt: readonly string[];
}
