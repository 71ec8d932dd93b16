/**
 * What is counted here. A port, so that this library knows no metrics library; the catalogue of
 * `#observability/metrics.js` gives one.
 */
export interface MessagingMeter {
  /** One produce request was acknowledged; `tries` counts from 1. */
  produced(messages: number, bytes: number, seconds: number, tries: number): void;
  /** One call of a handler succeeded. */
  handled(topic: string, messages: number, seconds: number): void;
  /** One call of a handler failed for a passing reason and is made again. */
  retried(topic: string): void;
  buried(topic: string): void;
  /** Outbox rows were sent and removed. */
  relayed(rows: number, messages: number, seconds: number): void;
}

const nothing = (): void => undefined;

/** Counts nothing. */
export const noMeter: MessagingMeter = {
  produced: nothing,
  handled: nothing,
  retried: nothing,
  buried: nothing,
  relayed: nothing,
};
