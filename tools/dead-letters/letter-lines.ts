import type { ListedLetter } from '#messaging/dead-letter-desk.js';
import { withoutControls } from '../terminal-text.js';

const BODY_SHOWN = 160;
const REASON_SHOWN = 400;

/**
 * A letter for a terminal: where it lies, why, where it came from, and how it begins. A poison message
 * may hold escapes, and what is said of it repeats them.
 */
export function letterLines(topic: string, entry: ListedLetter): string[] {
  return linesOf(topic, entry).map(withoutControls);
}

function linesOf(topic: string, entry: ListedLetter): string[] {
  const place = `${topic} ${String(entry.partition)} ${entry.offset}`;
  if (entry.letter === undefined) return [`${place}  cannot be read: ${entry.problem}`, ''];
  const { letter } = entry;
  const cut = letter.isCut ? ', only its beginning is kept here' : '';
  return [
    `${place}  ${letter.buriedAt}`,
    `  why   ${shortened(letter.reason)}`,
    `  from  ${letter.topic}/${String(letter.partition)}/${letter.offset}, key ${letter.key ?? '(none)'}`,
    `  body  ${String(letter.bytes)} bytes${cut}: ${beginningOf(letter.bodyBase64)}`,
    '',
  ];
}

/** A schema's complaints come as many lines of JSON; here they are a line in a list. */
function shortened(reason: string): string {
  const line = reason.replace(/\s+/g, ' ');
  return line.length <= REASON_SHOWN ? line : `${line.slice(0, REASON_SHOWN)}…`;
}

function beginningOf(bodyBase64: string | null): string {
  if (bodyBase64 === null) return '(none)';
  return Buffer.from(bodyBase64, 'base64').toString('utf8').slice(0, BODY_SHOWN);
}
