#include <stdio.h>

/* Boil water. */
int main(void)
{
	int degrees = 20;

	while (degrees < 100) {
		degrees++;
	}
	printf("%d\n", degrees);
	return 0;
}
