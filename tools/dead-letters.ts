/**
 * `npm run dead-letters`: what nobody could handle, and a way to have it tried again.
 *
 *   npm run dead-letters -- list [topic] [--limit 20]
 *   npm run dead-letters -- replay <topic> <partition> <offset>
 *
 * Brokers are those of KAFKA_BROKERS, else of the stack that runs in this checkout.
 */
import { TOPICS } from '#contracts/topics.js';
import {
  listDeadLetters,
  replayDeadLetter,
  type ListedLetter,
} from '#messaging/dead-letter-desk.js';
import { argumentsOf, countOf, runCommand, say, UsageError } from './command.js';
import { letterLines } from './dead-letters/letter-lines.js';
import { runningBrokers } from './stack/running-brokers.js';
import { withoutControls } from './terminal-text.js';

const USAGE = [
  'usage: npm run dead-letters -- list [topic] [--limit 20]',
  '       npm run dead-letters -- replay <topic> <partition> <offset>',
  `topics: ${Object.values(TOPICS).join(', ')}`,
].join('\n');

const LIMIT_DEFAULT = 20;

const asked = argumentsOf(
  {
    allowPositionals: true,
    options: { limit: { type: 'string', default: String(LIMIT_DEFAULT) } },
  },
  USAGE,
);

await runCommand(async () => {
  const [verb, ...rest] = asked.positionals;
  if (verb === 'list' && rest.length <= 1) {
    return list(rest[0], countOf('--limit', asked.values.limit));
  }
  const [topic = '', partition = '', offset = ''] = rest;
  if (verb === 'replay' && rest.length === 3) {
    return replay(topic, numberOf('partition', partition), String(numberOf('offset', offset)));
  }
  throw new UsageError(USAGE);
});

function numberOf(name: string, text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new UsageError(`<${name}>: expected a whole number, as \`list\` shows it, not ${text}`);
}

async function list(topic: string | undefined, limit: number): Promise<number> {
  const topics = topic === undefined ? Object.values(TOPICS) : [originalOf(topic)];
  const brokers = runningBrokers();
  let found = 0;
  for (const each of topics) {
    const letters: ListedLetter[] = await listDeadLetters(brokers, each, { limit });
    found += letters.length;
    for (const letter of letters) for (const line of letterLines(each, letter)) say(line);
  }
  if (found === 0) say(`no dead letters on ${topics.join(', ')}`);
  return 0;
}

async function replay(topic: string, partition: number, offset: string): Promise<number> {
  const original = originalOf(topic);
  const { reason } = await replayDeadLetter(runningBrokers(), original, { partition, offset });
  say(withoutControls(`put back on ${original}; it had been buried because: ${reason}`));
  return 0;
}

/** A letter's own topic is as good a name as the one it came from. */
function originalOf(topic: string): string {
  const original = topic.replace(/\.dlq$/, '');
  const topics: readonly string[] = Object.values(TOPICS);
  if (topics.includes(original)) return original;
  throw new UsageError(`<topic>: expected one of ${topics.join(', ')}, not ${topic}`);
}
