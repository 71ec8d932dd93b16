/** What a version's PromQL may leave open, because one version serves many tenants. */
export interface QueryPlaces {
  readonly tenant: string;
  readonly component: string;
  readonly version: string;
}

/**
 * The query with `{{tenant}}`, `{{component}}` and `{{version}}` filled in, as text inside quotes:
 * `requests{tenant="{{tenant}}"}`. Other braces stay as they are. What could end the quotes, which
 * no such name has, is left out.
 */
export function filledIn(query: string, places: QueryPlaces): string {
  return query.replaceAll(/\{\{(tenant|component|version)\}\}/g, (_, place: keyof QueryPlaces) =>
    places[place].replaceAll(/["'`\\\n]/g, ''),
  );
}
