/** The live table: an upgrade and its load as lines of text, no terminal involved. */
import type { LoadReading } from './load-tally.js';
import { shortened, type InstanceView, type UpgradeView } from './upgrade-view.js';

const ESC = '\u001b';
const BAR_WIDTH = 24;
const STEP_BAR_WIDTH = 6;
const ID_WIDTH = 14;

/** How far along its way an instance in this status is, of STEP_BAR_WIDTH. */
const STEPS_DONE: Readonly<Record<string, number>> = {
  PENDING: 0,
  DRAINING: 1,
  UPGRADING: 3,
  HEALTH_CHECKING: 5,
  COMPLETED: 6,
  FAILED: 6,
  ROLLED_BACK: 0,
};

const COLOURS: Readonly<Record<string, number>> = {
  PENDING: 90,
  DRAINING: 33,
  UPGRADING: 36,
  HEALTH_CHECKING: 34,
  COMPLETED: 32,
  FAILED: 31,
  ROLLED_BACK: 35,
  ROLLING_BACK: 35,
  IN_PROGRESS: 36,
  VALIDATING: 36,
  CANARY_RUNNING: 36,
  CANARY_MONITORING: 34,
  PAUSED: 33,
  CANCELLED: 35,
};

export interface TableStyle {
  readonly columns: number;
  readonly rows: number;
  readonly colour: boolean;
}

/** One moment of an upgrade under load. */
export interface Moment {
  readonly view: UpgradeView;
  readonly load: LoadReading;
  readonly elapsedMs: number;
  /** Whom it waits for, or what its canaries are found to be; empty: nothing of that kind. */
  readonly notice: string;
}

/** Every line fits the columns and all of them the rows: what does not is left out and counted. */
export function tableLines(moment: Moment, style: TableStyle): string[] {
  const { view, load, elapsedMs, notice } = moment;
  const instances = [...view.instances.values()];
  const width = Math.max(ID_WIDTH, ...instances.map(({ id }) => shortened(id).length));
  const room = Math.max(1, style.rows - 8);
  const shown = instances.length <= room ? instances : instances.slice(0, room - 1);
  const hidden = Math.max(instances.length, view.total) - shown.length;
  const unnamed = instances.length === 0 ? `${String(view.total)} places, none named yet` : '';
  const lines = [
    `greeter ${view.fromVersion} → ${view.toVersion}   ${paint(view.status, style)}   ` +
      `${bar(view.percentage, 100, BAR_WIDTH)} ${String(view.percentage)} %   ${seconds(elapsedMs)}`,
    `  ${notice}`.trimEnd(),
    ...shown.map((instance) => instanceLine(instance, view, { style, width })),
    ...(unnamed === '' ? [] : [`  ${unnamed}`]),
    ...(unnamed === '' && hidden > 0 ? [`  … and ${String(hidden)} more`] : []),
    '',
    loadLine(load),
  ];
  return lines.map((line) => cut(line, style.columns));
}

function instanceLine(
  instance: InstanceView,
  view: UpgradeView,
  { style, width }: { readonly style: TableStyle; readonly width: number },
): string {
  const { id, status, attempt, why } = instance;
  const done = STEPS_DONE[status] ?? 0;
  const again = attempt > 1 ? ` again` : '';
  const name = paint(`${status}${again}`.padEnd(21), style, status);
  const version = versionNow(instance, view).padEnd(8);
  const steps = bar(done, STEP_BAR_WIDTH, STEP_BAR_WIDTH);
  return `  ${shortened(id).padEnd(width)} ${steps} ${name} ${version} ${shortened(why)}`;
}

/** What runs there as far as the events say: between two versions while it is exchanged. */
function versionNow({ status, version }: InstanceView, view: UpgradeView): string {
  if (status === 'PENDING' || status === 'DRAINING') return view.fromVersion;
  return status === 'UPGRADING' ? '…' : version;
}

/** The load in one line: who answers now, how much was served, and whether anything was lost. */
export function loadLine(load: LoadReading): string {
  const shares = sharesOf(load.recently);
  const errors = load.errors === 0 ? '' : `   errors ${grouped(load.errors)}`;
  return (
    `${grouped(load.perSecond)} requests/s${shares === '' ? '' : ` (${shares})`}   ` +
    `served ${grouped(load.served)}   dropped ${grouped(load.dropped)}${errors}   ` +
    `longest ${milliseconds(load.longestMs)}`
  );
}

/** `1.0.0: 80 %, 1.1.0: 20 %`, in whole percent. */
export function sharesOf(byVersion: Readonly<Record<string, number>>): string {
  const all = Object.values(byVersion).reduce((sum, count) => sum + count, 0);
  return Object.entries(byVersion)
    .map(([version, count]) => `${version}: ${String(Math.round((100 * count) / all))} %`)
    .join(', ');
}

export function bar(done: number, of: number, width: number): string {
  const full = of === 0 ? 0 : Math.floor((done / of) * width);
  return '█'.repeat(full) + '░'.repeat(width - full);
}

export function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

export function milliseconds(ms: number): string {
  return ms < 1_000 ? `${ms.toFixed(0)} ms` : `${(ms / 1_000).toFixed(2)} s`;
}

/** 12345 as 12,345, whatever the locale: the output is compared and searched. */
export function grouped(count: number): string {
  return String(Math.round(count)).replace(/\B(?=(\d{3})+$)/g, ',');
}

function paint(text: string, { colour }: TableStyle, status = text): string {
  const code = COLOURS[status];
  return colour && code !== undefined ? `${ESC}[${String(code)}m${text}${ESC}[0m` : text;
}

// Colours take no room on the screen, and must not be cut in two.
const ESCAPE = new RegExp(`${ESC}\\[\\d+m`, 'y');

function cut(line: string, columns: number): string {
  let width = 0;
  let at = 0;
  let kept = '';
  while (at < line.length) {
    ESCAPE.lastIndex = at;
    const escape = ESCAPE.exec(line)?.[0];
    if (escape !== undefined) {
      kept += escape;
      at += escape.length;
      continue;
    }
    if (width === columns - 1 && at < line.length - 1)
      return `${kept}…${kept.includes('\u001b') ? '\u001b[0m' : ''}`;
    kept += line.charAt(at);
    width += 1;
    at += 1;
  }
  return kept;
}

/** The text in lines of at most so many columns, broken between words; what follows is indented as it. */
export function wrapped(text: string, columns: number): string[] {
  return text.split('\n').flatMap((line) => {
    const indent = /^ */.exec(line)?.[0] ?? '';
    const lines = [];
    let current = '';
    for (const word of line.trim().split(' ')) {
      const isFull = current !== '' && indent.length + current.length + 1 + word.length > columns;
      if (isFull) lines.push(indent + current);
      current = current === '' || isFull ? word : `${current} ${word}`;
    }
    return [...lines, indent + current];
  });
}
