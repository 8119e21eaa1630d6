/** The build of msgpackr that makes no code at run time and looks for no native addon. It comes without types. */
declare module 'msgpackr/index-no-eval' {
  export { Packr } from 'msgpackr'
}
