import type { z } from 'zod';
import { describeConfig, type ConfigRow } from '#runtime/config.js';
import { CanaryMonitorConfig } from '../../apps/canary-monitor/src/canary-monitor.config.js';
import { FleetAgentConfig } from '../../apps/fleet-agent/src/fleet-agent.config.js';
import { OrchestratorConfig } from '../../apps/orchestrator/src/orchestrator.config.js';
import { RollbackAgentConfig } from '../../apps/rollback-agent/src/rollback-agent.config.js';
import { ValidatorConfig } from '../../apps/validator/src/validator.config.js';
import { aligned } from './markdown-table.js';

/** Every service with the schema its environment is read by. */
export const CONFIGURED: Readonly<Record<string, z.ZodObject>> = {
  orchestrator: OrchestratorConfig,
  validator: ValidatorConfig,
  'canary-monitor': CanaryMonitorConfig,
  'rollback-agent': RollbackAgentConfig,
  'fleet-agent': FleetAgentConfig,
};

const BEGIN = '<!-- configuration: made by `npm run docs` from the schemas -->';
const END = '<!-- end of configuration -->';

/** The text with the table between its markers. @throws when there are none */
export function withTable(text: string, table: string): string {
  const [before, rest] = text.split(BEGIN);
  const after = rest?.split(END)[1];
  if (before === undefined || after === undefined) throw new Error('there are no markers');
  return `${before}${BEGIN}\n\n${table}\n\n${END}${after}`;
}

/** One row a variable: services that read the same variable in the same way share it. */
export function configTable(schemas: Readonly<Record<string, z.ZodObject>>): string {
  const rows = new Map<string, { readonly row: ConfigRow; readonly by: [string, ConfigRow][] }>();
  for (const [service, schema] of Object.entries(schemas)) {
    for (const row of describeConfig(schema)) {
      const key = `${row.name}: ${row.description}`;
      const found = rows.get(key) ?? { row, by: [] };
      found.by.push([service, row]);
      rows.set(key, found);
    }
  }
  const names = Object.keys(schemas);
  const cells = [...rows.values()].map(({ row, by }) => [
    `\`${row.name}\``,
    by.length === names.length ? 'all' : by.map(([service]) => service).join(', '),
    defaultsOf(by),
    meaningOf(row),
  ]);
  return aligned([['variable', 'read by', 'default', 'meaning'], ...cells]);
}

/** Ports differ from service to service; most defaults do not. */
function defaultsOf(by: readonly [string, ConfigRow][]): string {
  const texts = by.map(([, row]) => defaultOf(row));
  const [first = ''] = texts;
  if (texts.every((text) => text === first)) return first;
  return by.map(([service], at) => `${texts[at] ?? ''} (${service})`).join(', ');
}

function defaultOf({ default: text, required }: ConfigRow): string {
  if (text === undefined) return required ? '**must be set**' : 'unset';
  return `\`${text}\``;
}

function meaningOf({ description, unit }: ConfigRow): string {
  return `${description}${unit === undefined ? '' : ` (${unit})`}`;
}
