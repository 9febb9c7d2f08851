/** What a logger may be handed. Each is logged, and none may break the line or the host that reads it. */
export function hostileFields(): object[] {
  const circular: Record<string, unknown> = { name: 'circular' }
  circular.self = circular
  return [
    { '@level': 30, '@message': null, '@timestamp': 5, '@@level': {}, '@': 1 },
    { text: 'nul \0, line\nbreaks\r\n\u2028, half a pair \ud800' },
    { big: 'x'.repeat(1 << 20) },
    { wide: '\0'.repeat(1 << 20) },
    { emoji: '🦊'.repeat(1 << 16) },
    Object.fromEntries(Array.from({ length: 5_000 }, (_, index) => [`key${String(index)}`, 'y'.repeat(100)])),
    { ['k'.repeat(1 << 20)]: 1 },
    circular,
    { inner: circular },
    { amount: 12n, not: Number.NaN, never: undefined, call: () => 1, sign: Symbol('s') },
    {
      value: {
        toJSON() {
          throw new Error('no JSON of me')
        },
      },
    },
    {
      get value() {
        throw new Error('not to be read')
      },
    },
    { error: new Error('of the plugin\nsecond line') },
    JSON.parse('{"__proto__":{"@level":1},"constructor":"c","toString":"t","hasOwnProperty":1}') as object,
    new Proxy(
      {},
      {
        ownKeys() {
          throw new Error('no keys')
        },
      },
    ),
    ['an', 'array'],
  ]
}
