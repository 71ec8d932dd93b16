import { request, type Agent } from 'undici';
import { openEgress, REFUSED_ADDRESS } from '#targets/egress.js';
import { PrometheusError, valueOf } from '../prometheus-answer.js';
import { PROMETHEUS_LIMITS } from '../prometheus-limits.js';

/** Where metrics that are not the target's own come from. */
export abstract class MetricSource {
  /**
   * The one value of a PromQL query now, perhaps NaN; null: no series fits it.
   * @throws PrometheusError when there is no such value to be had
   */
  abstract value(query: string, signal: AbortSignal): Promise<number | null>;

  /** Ends all connections; questions under way fail. */
  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** Of a service that was configured without one. */
export class NoPrometheus extends MetricSource {
  override value(): Promise<number | null> {
    return Promise.reject(new PrometheusError('no Prometheus is configured (PROMETHEUS_URL)'));
  }
}

/** A Prometheus, or whatever speaks its HTTP API. */
export class PrometheusClient extends MetricSource {
  readonly #endpoint: string;
  readonly #dispatcher: Agent;

  /**
   * @param url of its root, which may have a path
   * @param allowLinkLocal for an operator whose Prometheus really answers there
   */
  constructor(url: string, allowLinkLocal: boolean) {
    super();
    const { connections, connectTimeoutMs, answerMaxBytes } = PROMETHEUS_LIMITS;
    const bounds = { connectionsPerOrigin: connections, connectTimeoutMs, answerMaxBytes };
    this.#endpoint = `${url.replace(/\/+$/, '')}/api/v1/query`;
    this.#dispatcher = openEgress(bounds, allowLinkLocal);
  }

  override async value(query: string, signal: AbortSignal): Promise<number | null> {
    const { status, text } = await this.#ask(query, signal);
    return valueOf(status, text);
  }

  override close(): Promise<void> {
    return this.#dispatcher.destroy();
  }

  /** The client follows no redirect by itself: whoever redirects is not the one configured. */
  async #ask(query: string, signal: AbortSignal): Promise<{ status: number; text: string }> {
    const asked = new URLSearchParams({ query }).toString();
    try {
      const answer = await request(`${this.#endpoint}?${asked}`, {
        method: 'GET',
        headers: { accept: 'application/json' },
        dispatcher: this.#dispatcher,
        headersTimeout: PROMETHEUS_LIMITS.silenceMs,
        bodyTimeout: PROMETHEUS_LIMITS.silenceMs,
        signal,
      });
      return { status: answer.statusCode, text: await answer.body.text() };
    } catch (error) {
      throw new PrometheusError(causeOf(error), { cause: error });
    }
  }
}

/** Without the address, which is no business of whoever reads the finding. */
function causeOf(error: unknown): string {
  const { name, code } = error as Partial<NodeJS.ErrnoException>;
  if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE') {
    return `Prometheus answered more than ${String(PROMETHEUS_LIMITS.answerMaxBytes)} bytes`;
  }
  if (code === REFUSED_ADDRESS) return 'Prometheus is at an address that is not called';
  if (name === 'AbortError') return 'Prometheus was not waited for any longer';
  return `Prometheus cannot be asked (${code ?? 'for an unknown reason'})`;
}
