/** A run from its start to its judgement; nothing of it is left but, where it failed, its history. */
import { checkHistory } from './checks/checks.js';
import { newRunFolder, removeRunFolder, runChaos, type ChaosPlan } from './chaos-run.js';
import { readHistory } from './history.js';
import { summaryOf, type Summary } from './summary.js';

export interface JudgeOptions {
  readonly report: (line: string) => void;
  readonly interrupted: AbortSignal;
  /** The history and the logs stay also when nothing is wrong. */
  readonly keep: boolean;
}

export async function judgeRun(plan: ChaosPlan, options: JudgeOptions): Promise<Summary> {
  const { report, interrupted, keep } = options;
  const folder = newRunFolder();
  const undo: (() => Promise<void>)[] = [];
  let isClean = false;
  try {
    const run = await runChaos(plan, {
      ...{ folder, report, interrupted },
      onEnd: (cleanUp) => undo.push(cleanUp),
    });
    const history = readHistory(run.historyPath);
    const summary = summaryOf(history, checkHistory(history), run);
    isClean = summary.isClean;
    return summary;
  } finally {
    for (const cleanUp of undo.reverse()) {
      await cleanUp().catch((error: unknown) => {
        report(`cleaning up: ${error instanceof Error ? error.message : String(error)}`);
      });
    }
    if (isClean && !keep) removeRunFolder(folder);
    else report(`the history is ${folder}/history.jsonl, the services' logs are beside it`);
  }
}
