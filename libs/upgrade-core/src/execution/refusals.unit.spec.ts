import { describe, expect, it } from '@jest/globals';
import { action } from '#testing/inputs.js';
import { SITUATION_NAMES, SITUATIONS } from '#testing/situations.js';
import { allowedActions } from './decide.js';
import { whatItTakes } from './refusals.js';

const STOPPING = SITUATION_NAMES.filter((name) => /_TO_(CANCELLED|FAILED)$/.test(name));

describe.each(STOPPING)('%s', (situation) => {
  it('says what is allowed of it, and nothing that is not', () => {
    for (const builder of SITUATIONS[situation]) {
      const execution = builder.build();
      const said = whatItTakes(execution, action('PAUSE')) ?? '';
      const allowed = allowedActions(execution);
      expect([/only .*rollback/.test(said), /only .*cancel/.test(said)]).toEqual([
        allowed.includes('ROLLBACK'),
        allowed.includes('CANCEL'),
      ]);
    }
  });
});
