import { buildWhenStale } from '../dist.ts';
import setUpStack from './stack.setup.mjs';

/** Before tests of the whole product: the services as they are built, and the stack. */
export default async function setUpProduct() {
  await buildWhenStale(console.log);
  await setUpStack();
}
