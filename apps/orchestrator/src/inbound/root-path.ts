/** Base path of all routes (spec §2). */
export const BASE_PATH = '/api/v1/registry';
