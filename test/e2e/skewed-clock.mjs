/**
 * Loaded before a service's own code: its machine's clock is off by as many milliseconds as the file
 * CLOCK_SKEW_FILE says when the process starts. Monotonic time is as it is.
 */
import { readFileSync } from 'node:fs';

const skewMs = Number(readFileSync(process.env.CLOCK_SKEW_FILE, 'utf8'));
const RealDate = Date;
const now = () => RealDate.now() + skewMs;

globalThis.Date = new Proxy(RealDate, {
  apply: () => new RealDate(now()).toString(),
  construct: (_, args, newTarget) =>
    Reflect.construct(RealDate, args.length === 0 ? [now()] : args, newTarget),
  get: (target, name) => (name === 'now' ? now : Reflect.get(target, name, target)),
});
