import type { Agent } from 'undici';
import { AgentSettings } from './agent-settings.js';
import { AgentDriver } from './agent.driver.js';
import { isRefusedHost } from './egress-address.js';
import { openEgress } from './egress.js';
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
  /** How long a whole answer may take; left out: AGENT_LIMITS.answerTimeoutMs. */
  readonly answerTimeoutMs?: number;
}

/** The `agent` driver's entry; holds the connections of all its targets. */
export class AgentTargets implements DriverFactory {
  readonly #env: Readonly<Record<string, string | undefined>>;
  readonly #allowLinkLocal: boolean;
  readonly #answerTimeoutMs: number;
  readonly #dispatcher: Agent;

  constructor(options: AgentTargetsOptions = {}) {
    const { env = process.env, allowLinkLocal = false } = options;
    const { connectionsPerOrigin, connectTimeoutMs, responseBodyMaxBytes } = AGENT_LIMITS;
    const bounds = { connectionsPerOrigin, connectTimeoutMs, answerMaxBytes: responseBodyMaxBytes };
    this.#env = env;
    this.#allowLinkLocal = allowLinkLocal;
    this.#answerTimeoutMs = options.answerTimeoutMs ?? AGENT_LIMITS.answerTimeoutMs;
    this.#dispatcher = openEgress(bounds, allowLinkLocal);
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
      answerTimeoutMs: this.#answerTimeoutMs,
    });
  }

  /** Ends all connections; requests under way fail as unreachable. */
  close(): Promise<void> {
    return this.#dispatcher.destroy();
  }

  #parse(settings: Settings): AgentSettings {
    const parsed = parseSettings(AgentSettings, settings);
    if (this.#allowLinkLocal || !isRefusedHost(new URL(parsed.url).hostname)) return parsed;
    const expected = 'expected no link-local or metadata address';
    throw new TargetSettingsError([{ field: 'settings.url', expected }]);
  }
}
