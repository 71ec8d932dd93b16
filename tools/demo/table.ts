/** The live table: an upgrade and its load as lines of text, no terminal involved. */
import type { LoadReading } from './load-tally.js';
import type { InstanceView, UpgradeView } from './upgrade-view.js';

const ESC = '\u001b';
const BAR_WIDTH = 24;
const STEP_BAR_WIDTH = 6;

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
};

export interface TableStyle {
  readonly columns: number;
  readonly rows: number;
  readonly colour: boolean;
}

/** Every line fits the columns and all of them the rows: what does not is left out and counted. */
export function tableLines(
  view: UpgradeView,
  load: LoadReading,
  elapsedMs: number,
  style: TableStyle,
): string[] {
  const instances = [...view.instances.values()];
  const room = Math.max(1, style.rows - 7);
  const shown = instances.length <= room ? instances : instances.slice(0, room - 1);
  const hidden = instances.length - shown.length;
  const lines = [
    `greeter ${view.fromVersion} → ${view.toVersion}   ${paint(view.status, style)}   ` +
      `${bar(view.percentage, 100, BAR_WIDTH)} ${String(view.percentage)} %   ${seconds(elapsedMs)}`,
    '',
    ...shown.map((instance) => instanceLine(instance, view, style)),
    ...(hidden > 0 ? [`  … and ${String(hidden)} more`] : []),
    '',
    loadLine(load),
  ];
  return lines.map((line) => cut(line, style.columns));
}

function instanceLine(instance: InstanceView, view: UpgradeView, style: TableStyle): string {
  const { id, status, attempt, why } = instance;
  const done = STEPS_DONE[status] ?? 0;
  const again = attempt > 1 ? ` again` : '';
  const name = paint(`${status}${again}`.padEnd(21), style, status);
  const version = versionNow(instance, view).padEnd(8);
  return `  ${id.padEnd(14)} ${bar(done, STEP_BAR_WIDTH, STEP_BAR_WIDTH)} ${name} ${version} ${why}`;
}

/** What runs there as far as the events say: between two versions while it is exchanged. */
function versionNow({ status, version }: InstanceView, view: UpgradeView): string {
  if (status === 'PENDING' || status === 'DRAINING') return view.fromVersion;
  return status === 'UPGRADING' ? '…' : version;
}

/** The load in one line: how much is served now, how much was, and whether anything was lost. */
export function loadLine(load: LoadReading): string {
  const versions = Object.entries(load.byVersion)
    .map(([version, count]) => `${version}: ${grouped(count)}`)
    .join(', ');
  return (
    `${grouped(load.perSecond)} requests/s   served ${grouped(load.served)}` +
    `${versions === '' ? '' : ` (${versions})`}   dropped ${grouped(load.dropped)}   ` +
    `longest ${milliseconds(load.longestMs)}`
  );
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
