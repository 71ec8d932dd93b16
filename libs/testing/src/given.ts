/** Given an execution, when these inputs come in, then this was decided. */
import { decide, type Decision } from '#core/execution/decide.js';
import type { Execution } from '#core/execution/execution.js';
import type { Fact } from '#core/execution/execution-facts.js';
import type { Input } from '#core/execution/execution-inputs.js';
import type { Request, TimerKind } from '#core/execution/execution-requests.js';
import { T0, type ExecutionBuilder } from './an-execution.js';

/** What came of the last input, in words a test can compare. */
export interface Then {
  readonly kind: Decision['kind'];
  readonly rows: readonly string[];
  /** As it stands now: unchanged unless something was decided. */
  readonly execution: Execution;
  readonly facts: readonly Fact[];
  readonly requests: readonly Request[];
  /** `PENDING → DRAINING: 3` for each move, in order. */
  readonly moves: readonly string[];
  /** Types of the requests, in order. */
  readonly asks: readonly string[];
  /** When each timer that was spoken of rings; null: not any more. The last word counts. */
  readonly timers: Readonly<Partial<Record<TimerKind, number | null>>>;
  readonly decision: Decision;
}

export class Given {
  constructor(
    private readonly execution: Execution,
    private readonly nowMs: number,
  ) {}

  /** Time passes, since the execution was as it is. */
  after(ms: number): Given {
    return new Given(this.execution, this.nowMs + ms);
  }

  /** Hands in the inputs one after another and answers for the last one. */
  when(...inputs: readonly Input[]): Then {
    const [first, ...rest] = inputs;
    if (first === undefined) throw new Error('when what?');
    const then = thenOf(this.execution, decide(this.execution, first, this.nowMs));
    return rest.length === 0 ? then : new Given(then.execution, this.nowMs).when(...rest);
  }
}

export function given(execution: ExecutionBuilder | Execution, nowMs: number = T0): Given {
  return new Given('build' in execution ? execution.build() : execution, nowMs);
}

function thenOf(before: Execution, decision: Decision): Then {
  const decided = decision.kind === 'DECIDED' ? decision : null;
  const facts = decided?.facts ?? [];
  const requests = decided?.requests ?? [];
  return {
    kind: decision.kind,
    rows: 'rows' in decision ? decision.rows : [],
    execution: decided?.next ?? before,
    facts,
    requests,
    moves: facts.flatMap((fact) =>
      fact.type === 'INSTANCES_MOVED' ? [`${fact.from} → ${fact.to}: ${String(fact.count)}`] : [],
    ),
    asks: requests.map((request) => request.type),
    timers: timersOf(requests),
    decision,
  };
}

function timersOf(requests: readonly Request[]): Then['timers'] {
  const timers: Partial<Record<TimerKind, number | null>> = {};
  for (const request of requests) {
    if (request.type === 'ARM_TIMER') timers[request.timer] = request.atMs;
    if (request.type === 'DISARM_TIMER') timers[request.timer] = null;
  }
  return timers;
}
