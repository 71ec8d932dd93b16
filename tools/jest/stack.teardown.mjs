/** After the last test: what the set-up started ends. */
export default async function tearDownStack() {
  await globalThis.testStack?.stop();
  globalThis.testStack = undefined;
}
