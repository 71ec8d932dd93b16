/** Follows executions on the progress topic, as anybody outside the product would. */
import { TOPICS } from '#contracts/topics.js';
import { ProgressEvent } from '#contracts/progress.messages.js';
import { tailTopic } from '#messaging/tail.js';

export interface ProgressFeed {
  stop(): Promise<void>;
}

/** Calls `onEvent` for each event published from now on; what is no event of ours is told once. */
export async function followProgress(
  brokers: string,
  onEvent: (event: ProgressEvent) => void,
  onUnreadable: (problem: string) => void,
): Promise<ProgressFeed> {
  return tailTopic(
    brokers.split(','),
    TOPICS.progress,
    ({ value, partition, offset }) => {
      const result = ProgressEvent.safeParse(parsed(value));
      if (result.success) onEvent(result.data);
      else onUnreadable(`${TOPICS.progress}/${String(partition)}/${offset} is no progress event`);
    },
    { from: 'now' },
  );
}

function parsed(value: Buffer | null): unknown {
  try {
    return JSON.parse(value?.toString() ?? '');
  } catch {
    return undefined;
  }
}
