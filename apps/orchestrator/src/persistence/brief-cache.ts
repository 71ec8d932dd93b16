/** What never changes of an execution, read once and kept while there is place. */
import type { ExecutionPlan } from '#core/execution/execution.js';
import type { ExecutionBrief } from './execution.store.js';

const KEPT_BRIEFS_MAX = 10_000;

export type Brief = ExecutionBrief & { readonly plan: ExecutionPlan };

type Read = (
  text: string,
  values: unknown[],
) => Promise<{ id: string; plan: ExecutionPlan; brief: ExecutionBrief }[]>;

export class BriefCache {
  readonly #kept = new Map<string, Brief>();

  /** The briefs of `ids`, reading those that are not kept with one statement. */
  async of(ids: readonly string[], read: Read): Promise<ReadonlyMap<string, Brief>> {
    const unknown = ids.filter((id) => !this.#kept.has(id));
    if (unknown.length > 0) {
      const rows = await read(
        'SELECT id, plan, brief FROM execution_briefs WHERE id = ANY ($1::uuid[])',
        [unknown],
      );
      for (const { id, plan, brief } of rows) this.#keep(id, { ...brief, plan });
    }
    const found = new Map<string, Brief>();
    for (const id of ids) {
      const brief = this.#kept.get(id);
      if (brief !== undefined) found.set(id, brief);
    }
    return found;
  }

  #keep(id: string, brief: Brief): void {
    const oldest = this.#kept.keys().next();
    if (this.#kept.size >= KEPT_BRIEFS_MAX && oldest.done !== true) this.#kept.delete(oldest.value);
    this.#kept.set(id, brief);
  }
}
