/** Prints while it is loaded, as banners do. */
if (process.env.ECHO_NOISE) {
  console.log('from a module')
  process.stdout.write('no line break')
}
export {}
