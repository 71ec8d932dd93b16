import type { Clock } from '#runtime/clock.js';
import type { Log } from '#runtime/log.js';
import { PROCESS_LIMITS, PROXY_LIMITS } from '../fleet-agent-limits.js';
import type { InstanceProcesses, LaunchResult } from '../processes/instance-process.driver.js';
import { commandOf, UnusableArtifactsError } from '../processes/launch-command.js';
import type { LaunchCommand } from '../processes/launch-command.js';
import type { EdgeProxy } from '../proxy/edge-proxy.client.js';
import type { FleetsStore } from './fleets.store.js';
import type { HealthProbe } from './health.probe.js';
import type { InstanceRecord, LaunchRecord } from './instance-record.js';
import type { Routes } from './routes.runner.js';

/** What instances are made of and reached through. */
export interface InstanceParts {
  readonly processes: InstanceProcesses;
  readonly proxy: EdgeProxy;
  readonly routes: Routes;
  readonly probe: HealthProbe;
  /** Commands that artifacts may name. */
  readonly allowedCommands: readonly string[];
}

/** The version to reach, what it needs, and the operation it is for (null: a fleet's beginning). */
export interface Release {
  readonly version: string;
  readonly artifacts: Readonly<Record<string, string>>;
  readonly operationId: string | null;
}

type Brought = 'LISTENS' | 'ABORTED' | { readonly failed: string };

/**
 * What is done to one instance. Every act can be broken off at any point, by a crash too, and done
 * again from the start: it looks at what is there before it does anything.
 */
export class InstanceActs {
  readonly #store: FleetsStore;
  readonly #parts: InstanceParts;
  readonly #clock: Clock;
  readonly #log: Log;

  constructor(store: FleetsStore, parts: InstanceParts, clock: Clock, log: Log) {
    this.#store = store;
    this.#parts = parts;
    this.#clock = clock;
    this.#log = log;
  }

  /** Answers how many connections were closed when the time was over; null: broken off. */
  async drain(
    fleet: string,
    id: string,
    endsAtMs: number,
    signal: AbortSignal,
  ): Promise<number | null> {
    await this.#change(fleet, id, { admitted: false });
    // After every order that was made when it was still admitted.
    await this.#parts.routes.routed(fleet, signal);
    const { proxy, routes } = this.#parts;
    for (;;) {
      if (signal.aborted) return null;
      const leftMs = endsAtMs - this.#clock.nowMs();
      const isOver = leftMs <= 0;
      const waitMs = Math.min(leftMs, PROXY_LIMITS.drainWaitMaxMs);
      const order = { waitMs, close: isOver, signal };
      const state = await routes.told(signal, () => proxy.drain(fleet, id, order));
      if (state !== null && (isOver || state.underWay === 0)) return state.closed;
    }
  }

  /** Routes traffic to it again; answers what stands against it. */
  async readmit(fleet: string, id: string, signal: AbortSignal): Promise<string | null> {
    const launch = this.#store.instance(fleet, id)?.launch ?? null;
    if (launch === null || !(await this.#parts.processes.lives(launch.token))) {
      return 'the instance does not run';
    }
    await this.#change(fleet, id, { admitted: true });
    await this.#parts.routes.routed(fleet, signal);
    return null;
  }

  /** Exchanges the instance's process for one of this version, unless it is one already. */
  async bring(fleet: string, id: string, release: Release, signal: AbortSignal): Promise<Brought> {
    const command = this.#commandOf(release);
    if ('failed' in command) return command;
    const present = this.#store.instance(fleet, id)?.launch ?? null;
    if (present !== null && (await this.#isServing(present, release.version))) {
      return this.#listening(fleet, id, present, signal);
    }
    if (present !== null && present.operationId === release.operationId) {
      // Begun before a restart of this agent.
      const logFile = this.#parts.processes.logFile(fleet, id);
      if (await this.#parts.processes.lives(present.token)) {
        const result = await this.#parts.processes.awaitListening({ ...present, logFile }, signal);
        if (result === 'LISTENS') return this.#listening(fleet, id, present, signal);
        if (result === 'ABORTED') return 'ABORTED';
      }
    }
    if (present !== null) await this.#takeDown(fleet, id, present, signal);
    for (let attempt = 1; ; attempt += 1) {
      if (signal.aborted) return 'ABORTED';
      const { result, launch } = await this.#launch(fleet, id, { release, command, signal });
      if (result === 'LISTENS') return this.#listening(fleet, id, launch, signal);
      if (result === 'ABORTED') return 'ABORTED';
      await this.#parts.processes.stop(launch.token);
      if (result.portTaken && attempt < PROCESS_LIMITS.portTries) continue;
      await this.#change(fleet, id, { launch: null });
      return { failed: `${release.version} did not start: ${result.failed}` };
    }
  }

  /** Whether this process is, and says that it is, of this version, and healthy. */
  async #isServing(launch: LaunchRecord, version: string): Promise<boolean> {
    if (launch.version !== version) return false;
    const { probe } = this.#parts;
    probe.forget(launch);
    const health = await probe.healthOf(launch);
    return health.healthy && health.version === version;
  }

  /** Ends the instance's process for good. */
  async end(fleet: string, instance: InstanceRecord): Promise<void> {
    if (instance.launch === null) return;
    this.#parts.probe.forget(instance.launch);
    await this.#parts.processes.stop(instance.launch.token);
    this.#log.info({ fleet, instanceId: instance.id }, 'instance ended');
  }

  /** Off the traffic first, also when nobody drained it: what is under way gets a moment. */
  async #takeDown(
    fleet: string,
    id: string,
    launch: LaunchRecord,
    signal: AbortSignal,
  ): Promise<void> {
    await this.#change(fleet, id, { exchanging: true });
    await this.#parts.routes.routed(fleet, signal);
    const order = { waitMs: PROXY_LIMITS.takeDownWaitMs, close: true };
    const { proxy, routes } = this.#parts;
    await routes.told(signal, () => proxy.drain(fleet, id, order));
    this.#parts.probe.forget(launch);
    await this.#parts.processes.stop(launch.token);
  }

  async #launch(
    fleet: string,
    id: string,
    given: {
      readonly release: Release;
      readonly command: LaunchCommand;
      readonly signal: AbortSignal;
    },
  ): Promise<{ readonly result: LaunchResult; readonly launch: LaunchRecord }> {
    const { processes } = this.#parts;
    const launch: LaunchRecord = {
      token: processes.newToken(),
      version: given.release.version,
      port: await processes.freePort(this.#portsInUse()),
      operationId: given.release.operationId,
    };
    // Written down before the act, so that a process can never be there unknown.
    await this.#change(fleet, id, { launch, exchanging: true });
    const logFile = processes.logFile(fleet, id);
    const asked = { ...launch, instanceId: id, command: given.command, logFile };
    return { result: await processes.launch(asked, given.signal), launch };
  }

  async #listening(
    fleet: string,
    id: string,
    launch: LaunchRecord,
    signal: AbortSignal,
  ): Promise<'LISTENS'> {
    this.#parts.probe.forget(launch);
    await this.#change(fleet, id, { exchanging: false });
    await this.#parts.routes.routed(fleet, signal);
    return 'LISTENS';
  }

  /** A port of a dead process is not given away while traffic might still be routed there. */
  #portsInUse(): Set<number> {
    const ports = new Set<number>();
    for (const fleet of this.#store.all) {
      for (const { launch } of fleet.instances) if (launch !== null) ports.add(launch.port);
    }
    return ports;
  }

  async #change(fleet: string, id: string, change: Partial<InstanceRecord>): Promise<void> {
    this.#store.changeInstance(fleet, id, (before) => ({ ...before, ...change }));
    await this.#store.save(fleet);
  }

  #commandOf(release: Release): LaunchCommand | { readonly failed: string } {
    try {
      return commandOf(release.artifacts, this.#parts.allowedCommands);
    } catch (error) {
      if (error instanceof UnusableArtifactsError) return { failed: error.message };
      throw error;
    }
  }
}
