/** Pause between two looks at a condition, in ms. */
const LOOK_EVERY_MS = 5;

/**
 * Resolves as soon as `isSo` answers true; rejects after `limitMs`, naming what did not come about.
 * For tests of what happens elsewhere: no test sleeps for time to pass.
 */
export async function eventually(
  what: string,
  isSo: () => boolean | Promise<boolean>,
  limitMs: number,
): Promise<void> {
  const untilMs = performance.now() + limitMs;
  while (!(await isSo())) {
    if (performance.now() > untilMs) throw new Error(`not within ${String(limitMs)} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}
