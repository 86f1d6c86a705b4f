/**
 * A class of tools as an author writes it with decorators, which plain JavaScript has no syntax for.
 * @param {{ McpController: Function, Tool: Function }} nest
 * @param {{ options: object, payload: ParameterDecorator, answer: (input) => object }[]} tools
 */
export function toolController({ McpController, Tool }, tools) {
  class Tools {}
  for (const { options, answer, payload } of tools) {
    const { name } = options;
    Object.defineProperty(Tools.prototype, name, { value: async (input) => answer(input), writable: true });
    payload(Tools.prototype, name, 0);
    Reflect.defineMetadata('design:paramtypes', [Object], Tools.prototype, name);
    Tool(options)(Tools.prototype, name, Object.getOwnPropertyDescriptor(Tools.prototype, name));
  }
  McpController()(Tools);
  return Tools;
}
