/** What a demonstration has to play with, and what it owes. */
import type { ProgressEvent } from '#contracts/progress.messages.js';
import type { ExampleFleet } from '../product/example-fleet.js';
import type { RegistryApi } from '../product/registry-api.js';
import type { ServiceName } from '../product/product.js';
import type { RoomWatch } from './room-watch.js';
import type { Screen } from './screen.js';
import type { Verdict } from './summary.js';

export interface Stage {
  /** The REST API as somebody of that name. */
  api(actor: string): RegistryApi;
  readonly fleet: ExampleFleet;
  /** Looks at the whole fleet from outside, from now on. */
  watchRoom(): RoomWatch;
  readonly instanceIds: readonly string[];
  /** Where the edge proxy takes the fleet's traffic. */
  readonly trafficUrl: string;
  readonly screen: Screen;
  readonly events: EventLog;
  /** Aborted when someone asks the demo to end. */
  readonly interrupted: AbortSignal;
}

export interface Demonstration {
  /** In a few words, for the list of what there is. */
  readonly about: string;
  /** What the services are told for it, beside what every start tells them. */
  readonly env?: Partial<Record<ServiceName, Readonly<Record<string, string>>>>;
  run(stage: Stage): Promise<Verdict>;
}

type Listener = (event: ProgressEvent) => void;

/** Events by execution: one may be published before the answer that names its execution is here. */
export class EventLog {
  readonly #events = new Map<string, ProgressEvent[]>();
  readonly #listeners = new Map<string, Listener>();

  readonly add = (event: ProgressEvent): void => {
    const { executionId } = event.data;
    const known = this.#events.get(executionId) ?? [];
    this.#events.set(executionId, [...known, event]);
    this.#listeners.get(executionId)?.(event);
  };

  /** All events of an execution, those already there first. The answer ends it. */
  follow(executionId: string, listener: Listener): () => void {
    for (const event of this.#events.get(executionId) ?? []) listener(event);
    this.#listeners.set(executionId, listener);
    return () => this.#listeners.delete(executionId);
  }
}
