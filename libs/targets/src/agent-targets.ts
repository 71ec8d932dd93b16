import { Agent } from 'undici';
import { isRefusedAddress, literalAddressOf } from './agent-address.js';
import { AgentSettings } from './agent-settings.js';
import { AgentDriver } from './agent.driver.js';
import { refusingLookup } from './refusing-lookup.js';
import type { DriverFactory } from './target-drivers.js';
import { AGENT_LIMITS } from './target-limits.js';
import { parseSettings } from './target-settings.js';
import { TargetSettingsError, type TargetDriver } from './target.driver.js';

type Settings = Readonly<Record<string, unknown>>;

export interface AgentTargetsOptions {
  /** Where tokens that are references to variables are read; left out: the process's own. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** For an operator whose agents really live on link-local addresses. Never from a tenant. */
  readonly allowLinkLocal?: boolean;
}

/** The `agent` driver's entry; holds the connections of all its targets. */
export class AgentTargets implements DriverFactory {
  readonly #env: Readonly<Record<string, string | undefined>>;
  readonly #allowLinkLocal: boolean;
  readonly #dispatcher: Agent;

  constructor({ env = process.env, allowLinkLocal = false }: AgentTargetsOptions = {}) {
    this.#env = env;
    this.#allowLinkLocal = allowLinkLocal;
    this.#dispatcher = new Agent({
      connections: AGENT_LIMITS.connectionsPerOrigin,
      pipelining: 1,
      maxResponseSize: AGENT_LIMITS.responseBodyMaxBytes,
      connect: {
        timeout: AGENT_LIMITS.connectTimeoutMs,
        ...(allowLinkLocal ? {} : { lookup: refusingLookup }),
      },
    });
  }

  check(settings: Settings): void {
    this.#parse(settings);
  }

  open(settings: Settings): TargetDriver {
    const parsed = this.#parse(settings);
    return new AgentDriver(parsed, {
      dispatcher: this.#dispatcher,
      env: this.#env,
      allowLinkLocal: this.#allowLinkLocal,
    });
  }

  /** Ends all connections; requests under way fail as unreachable. */
  close(): Promise<void> {
    return this.#dispatcher.destroy();
  }

  #parse(settings: Settings): AgentSettings {
    const parsed = parseSettings(AgentSettings, settings);
    const address = literalAddressOf(new URL(parsed.url));
    if (address === null || this.#allowLinkLocal || !isRefusedAddress(address)) return parsed;
    const expected = 'expected no link-local or metadata address';
    throw new TargetSettingsError([{ field: 'settings.url', expected }]);
  }
}
