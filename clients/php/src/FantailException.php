<?php

declare(strict_types=1);

namespace Fantail;

/** What all exceptions of this package have in common, apart from those for wrong arguments. */
interface FantailException extends \Throwable
{
}
