/** A query, or a body, of a call that takes nothing there: what is sent is refused by name. */
export class NoFieldsDto {}
