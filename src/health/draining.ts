import { Injectable } from '@nestjs/common';

/** Whether this process has been told to end; set once, never unset. */
@Injectable()
export class Draining {
  private hasBegun = false;

  begin(): void {
    this.hasBegun = true;
  }

  get isUnderWay(): boolean {
    return this.hasBegun;
  }
}
