import { CommandError } from '../client/command-error.js';

/** What is wrong with the file of a client, and what to do. Its message goes on after the name of the file. */
export class FileProblem extends Error {
  override readonly name = 'FileProblem';
}

const ADVICE: Readonly<Record<string, string>> = {
  EACCES: 'this user may not open or write it; start the command as its owner',
  EPERM: 'this user may not change it; start the command as its owner',
  EROFS: 'it is on a file system that cannot be written',
  ENOSPC: 'there is no space left; make some, and run the command again',
  ENOTDIR: 'a part of its path is not a folder',
  ELOOP: 'its symbolic links lead to one another',
};

/** Makes what goes wrong with a file a sentence about it, and about the client. */
export async function withFile<Result>(
  title: string,
  file: string,
  act: () => Promise<Result>,
): Promise<Result> {
  try {
    return await act();
  } catch (error) {
    const reason =
      error instanceof FileProblem ? error.message : ADVICE[(error as NodeJS.ErrnoException).code ?? ''];
    if (reason === undefined) throw error;
    throw new CommandError(`${title} is not changed. ${file}: ${reason}.`, undefined, { cause: error });
  }
}
