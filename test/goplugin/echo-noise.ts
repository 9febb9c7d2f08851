/** Prints, or throws, while it is loaded. */
if (process.env.ECHO_NOISE) {
  console.log('from a module')
  process.stdout.write('no line break')
}
if (process.env.ECHO_NOISE === 'throw') throw new Error('thrown while loading')
export {}
