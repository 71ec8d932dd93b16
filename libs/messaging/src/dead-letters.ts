import type { IncomingMessage } from './incoming-message.js';

/**
 * Where messages go that cannot be read or handled. Port and injection token: a service's own
 * writes the letter into its outbox, in one transaction with the inbox row, and the relay sends it.
 */
export abstract class DeadLetters {
  /** Resolves when the letter is safe. Rejects otherwise; the delivery then asks again. */
  abstract bury(message: IncomingMessage, reason: string): Promise<void>;
}
